# Poise on the processor alone. The recordings are mounted so that nothing can write to them:
#
#   docker build --tag poise .
#   docker run --rm --network none --user "$(id -u):$(id -g)" \
#     --volume "$PWD/RECORDINGS:/recordings:ro" --volume "$PWD/REPORTS:/reports" \
#     poise analyze /recordings -o /reports

FROM python:3.12-slim-bookworm AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY pipeline pipeline
COPY templates templates
COPY training training
# torch's CPU build: without it, 4 GB of CUDA would come along.
# hadolint ignore=DL3013
RUN python -m venv /opt/poise \
 && /opt/poise/bin/python -m pip install --no-cache-dir --index-url \
      https://download.pytorch.org/whl/cpu "torch>=2.6" "torchvision>=0.21" \
 && /opt/poise/bin/python -m pip install --no-cache-dir .

FROM python:3.12-slim-bookworm
COPY --from=build /opt/poise /opt/poise
RUN useradd --create-home --uid 1000 poise
USER 1000
WORKDIR /home/poise
ENV PATH=/opt/poise/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    MPLCONFIGDIR=/tmp/matplotlib
ENTRYPOINT ["poise"]
CMD ["--help"]
