// The report: a timeline to move through, in step with the recording.
"use strict";

(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const words = data.texts;
  const NONE = 255; // a posterior that is not there
  const shape = data.geometry; // of a row: name, line and episodes, in pixels
  const ROW_PX = shape.name + shape.curve + shape.bar;
  const LEAST_SPAN_S = 2;
  const NEAR_S = 300;
  const NARROW_PX = 420; // of a chart: names of rows are short
  const BEFORE_S = 1; // a moment is played from a second before it
  const FINE_POINTS = 4000; // drawn at once; where more are in view, means of several stand for them
  const DAY_S = 86400;
  const STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200];
  for (let days = 1; days < 1e8; days *= 10) STEPS_S.push(days * DAY_S, 2 * days * DAY_S, 5 * days * DAY_S);

  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
  const clearness = (value) =>
    words.clearness[value >= data.clearness[0] ? 0 : value >= data.clearness[1] ? 1 : 2];
  const colour = (style) => getComputedStyle(document.documentElement).getPropertyValue(style).trim();

  function clock(time) {
    const whole = Math.max(0, Math.floor(time + 1e-6));
    const [hours, minutes, seconds] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
    const two = (number) => String(number).padStart(2, "0");
    return hours ? `${hours}:${two(minutes)}:${two(seconds)}` : `${two(minutes)}:${two(seconds)}`;
  }

  function decoded(text, Kind) {
    const letters = atob(text);
    const bytes = new Uint8Array(letters.length);
    for (let k = 0; k < letters.length; k += 1) bytes[k] = letters.charCodeAt(k);
    return new Kind(bytes.buffer);
  }

  // Columns of posteriors 0..1, null where no usable face was seen.
  function columns(text, count, length) {
    const bytes = decoded(text, Uint8Array);
    return Array.from({ length: count }, (_, column) =>
      Array.from(bytes.subarray(column * length, (column + 1) * length), (byte) =>
        byte === NONE ? null : byte / 250,
      ),
    );
  }

  // Means of so many neighbours each; a group that touches a gap is part of the gap.
  function coarser(values, size) {
    const means = [];
    for (let k = 0; k < values.length; k += size) {
      const part = values.slice(k, k + size);
      means.push(part.includes(null) ? null : part.reduce((sum, v) => sum + v, 0) / part.length);
    }
    return means;
  }

  class Viewer {
    constructor(section, recording) {
      this.section = section;
      this.end = recording.duration;
      this.length = recording.length; // as a player shows it; null if unknown
      this.times = Array.from(decoded(recording.times, Uint32Array), (at) => (at * recording.step) / 1000);
      const rowsOf = (group, episodes) =>
        columns(group.values, group.rows.length, this.times.length).map((values, k) => ({
          ...group.rows[k], values, episodes: episodes[group.rows[k].label] ?? [],
        }));
      this.classes = rowsOf(recording.classes, recording.episodes);
      this.emotions = () => rowsOf(recording.emotions, {}); // unpacked when they are asked for
      this.rows = this.classes;
      this.view = [0, this.end];
      this.time = 0;
      this.answers = recording.answers; // number, start and end of each
      this.unseen = recording.unseen; // stretches without a usable face
      this.excluded = recording.excluded; // stretches that the centre left out
      this.frame = section.querySelector(".plot");
      this.readout = section.querySelector(".readout");
      this.video = section.querySelector("video");
      this.playButton = section.querySelector("[data-do=play]");
      this.overview = section.parentElement.querySelector(".overview");
      this.movers = section.querySelectorAll("[data-do=farther], [data-do=whole], [data-do=earlier], [data-do=later]");
      this.draw();
      this.listen();
      this.prepareVideo();
      this.show(0);
    }

    // Where the line of each row begins, in pixels from below; a row without episodes is small.
    layOut() {
      const rows = this.rows.reduce((sum, row) => sum + (row.empty ? shape.empty : ROW_PX), 0);
      this.height = rows + (this.answers.length ? shape.answers : 0);
      let top = this.height;
      for (const row of this.rows) {
        top -= row.empty ? shape.empty : ROW_PX;
        row.foot = top + (row.empty ? 0 : shape.bar);
      }
    }

    draw() {
      this.plot?.destroy();
      this.layOut();
      const ink = colour("--chart-ink");
      const inks = this.rows.map((row) => colour(`--c-${row.style}`));
      const font = `12px ${getComputedStyle(document.body).fontFamily}`;
      const lift = (row) => row.values.map((v) => (v === null || row.empty ? null : row.foot + shape.curve * v));
      const series = this.rows.map((row, k) => ({
        stroke: inks[k],
        fill: `color-mix(in srgb, ${inks[k]} 22%, transparent)`,
        fillTo: row.foot,
        width: 1.5,
        points: { show: false },
      }));
      this.plot = new uPlot(
        {
          width: this.frame.clientWidth,
          height: this.height + shape.axis,
          padding: [0, shape.right, 0, shape.left],
          legend: { show: false },
          cursor: {
            y: false,
            points: { show: false },
            drag: { x: false, y: false, setScale: false },
            bind: { dblclick: () => null },
          },
          scales: {
            x: { time: false, range: () => this.view },
            y: { range: [0, this.height] },
          },
          axes: [
            {
              stroke: ink, font, size: shape.axis, space: 64, incrs: STEPS_S,
              grid: { stroke: colour("--chart-line"), width: 1 },
              ticks: { stroke: colour("--chart-line"), width: 1, size: 5 },
              values: (_, splits) => splits.map(clock),
            },
            { show: false },
          ],
          series: [{}, ...series],
          hooks: {
            drawClear: [(plot) => this.drawGround(plot, ink)],
            draw: [(plot) => this.drawRows(plot, font, inks, ink), () => this.place()],
            setCursor: [(plot) => this.hover(plot)],
          },
        },
        null,
        this.frame,
      );
      const fine = [this.times, ...this.rows.map(lift)];
      const size = Math.ceil(this.times.length / FINE_POINTS);
      this.levels = { fine, coarse: size > 1 ? fine.map((values) => coarser(values, size)) : fine };
      this.drawn = undefined;
      this.playhead = document.createElement("div");
      this.playhead.className = "playhead";
      this.plot.over.append(this.playhead);
      this.gestures(this.plot.over);
      this.redraw();
    }

    // Below the lines: a scale from 0 to 100 % for each row, stripes where no face could be used, a
    // plain ground where the recording is left out.
    drawGround(plot, ink) {
      const { ctx, bbox } = plot;
      const ratio = devicePixelRatio;
      const within = (time) => clamp(plot.valToPos(time, "x", true), bbox.left, bbox.left + bbox.width);
      ctx.save();
      ctx.font = `${10 * ratio}px ${getComputedStyle(document.body).fontFamily}`;
      ctx.textAlign = "right";
      ctx.textBaseline = "middle";
      for (const row of this.rows) {
        if (row.empty) continue;
        const bottom = plot.valToPos(row.foot, "y", true);
        const height = shape.curve * ratio;
        ctx.fillStyle = colour("--chart-gap");
        for (const [start, end] of this.unseen) {
          const [left, right] = [within(start), within(end)];
          const period = shape.stripe * ratio;
          for (let x = left; x < right; x += period) {
            ctx.fillRect(x, bottom - height, Math.min(period / 2, right - x), height);
          }
        }
        for (const [start, end] of this.excluded) {
          ctx.fillRect(within(start), bottom - height, within(end) - within(start), height);
        }
        for (const share of [0, 0.5, 1]) {
          const y = Math.round(bottom - share * height);
          ctx.fillStyle = colour("--chart-line");
          ctx.fillRect(bbox.left, y, bbox.width, Math.max(1, Math.round(ratio * (share ? 0.6 : 1))));
          ctx.fillStyle = ink;
          ctx.fillText(`${100 * share}%`, bbox.left - 5 * ratio, y);
        }
      }
      ctx.restore();
    }

    // Above them: the names of the rows, and their episodes.
    drawRows(plot, font, inks, ink) {
      const { ctx, bbox } = plot;
      const ratio = devicePixelRatio;
      ctx.save();
      ctx.beginPath();
      ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
      ctx.clip();
      this.rows.forEach((row, k) => {
        const base = plot.valToPos(row.foot, "y", true);
        ctx.fillStyle = inks[k];
        for (const [start, end] of row.episodes) {
          const left = plot.valToPos(start, "x", true);
          const width = Math.max(plot.valToPos(end, "x", true) - left, 1.5 * ratio);
          ctx.fillRect(left, base + 3 * ratio, width, 5 * ratio);
        }
        ctx.font = font.replace("12px", `600 ${12 * ratio}px`);
        ctx.textAlign = "left";
        ctx.textBaseline = "alphabetic";
        const name = bbox.width < NARROW_PX * ratio ? row.short ?? row.name : row.name;
        ctx.fillText(name, bbox.left + 3 * ratio, base - ((row.empty ? 0 : shape.curve) + 6) * ratio);
        if (!row.empty) return;
        ctx.font = font.replace("12px", `${12 * ratio}px`);
        ctx.textAlign = "right";
        ctx.fillStyle = ink;
        ctx.fillText(words.empty, bbox.left + bbox.width - 3 * ratio, base - 6 * ratio);
      });
      this.drawAnswers(plot, ratio, ink);
      ctx.restore();
    }

    // Below the rows: a numbered block for each answer.
    drawAnswers(plot, ratio, ink) {
      const { ctx } = plot;
      ctx.font = `${10.5 * ratio}px ${getComputedStyle(document.body).fontFamily}`;
      ctx.textAlign = "center";
      const low = plot.valToPos(0, "y", true);
      for (const [number, start, end] of this.answers) {
        const [left, right] = [plot.valToPos(start, "x", true), plot.valToPos(end, "x", true)];
        ctx.fillStyle = colour("--chart-line");
        ctx.fillRect(left, low - (shape.answers - 2) * ratio, Math.max(right - left - ratio, ratio), (shape.answers - 4) * ratio);
        ctx.fillStyle = ink;
        if (right - left > 14 * ratio) ctx.fillText(number, (left + right) / 2, low - 5.5 * ratio);
      }
    }

    // Where a pointer rests, the figures of that moment are read out; else those of the playhead.
    hover(plot) {
      const { left } = plot.cursor;
      this.say(left < 0 ? this.time : plot.posToVal(left, "x"));
    }

    at(time) {
      let k = 0;
      let high = this.times.length - 1;
      while (k < high) {
        const middle = (k + high) >> 1;
        if (this.times[middle] < time) k = middle + 1;
        else high = middle;
      }
      if (k > 0 && time - this.times[k - 1] < this.times[k] - time) k -= 1;
      return Math.abs(this.times[k] - time) <= 1 && this.rows[0].values[k] !== null ? k : -1;
    }

    sentence(time) {
      const k = this.at(time);
      if (k < 0) return `${clock(time)}, ${words.no_face}`;
      const best = this.classes.reduce((a, b) => (b.values[k] > a.values[k] ? b : a));
      const said = words.said.replace("{expression}", () => best.short);
      return `${clock(time)}, ${said.replace("{clearness}", clearness(best.values[k]))}`;
    }

    say(time) {
      const text = this.sentence(time);
      if (this.readout.textContent !== text) this.readout.textContent = text;
    }

    // Plays a moment, from a second before it, and stops after it.
    play(start, end) {
      this.show(Math.max(0, start - BEFORE_S));
      if (!this.video.hasAttribute("src")) return;
      this.until = end;
      this.video.play().catch(() => {});
    }

    // Moves the playhead, and the recording unless it is the recording that moved.
    show(time, { seek = true } = {}) {
      this.time = clamp(time, 0, this.end);
      if (seek) this.until = undefined; // what is asked for now is not to stop there
      if (seek && this.video.readyState > 0) this.seek(this.time);
      else if (seek) this.waiting = this.time;
      const [low, high] = this.view;
      if (this.time < low || this.time > high) {
        this.look(this.time - 0.1 * (high - low), this.time + 0.9 * (high - low));
      }
      this.frame.setAttribute("aria-valuenow", this.time.toFixed(1));
      this.frame.setAttribute("aria-valuetext", this.sentence(this.time));
      this.say(this.time);
      this.place();
    }

    // Chromium learns how long a recording is that starts late only as it comes to its end, and seeks
    // no further than it knows: then it is asked again.
    seek(time) {
      const { duration } = this.video;
      this.beyond = time > duration ? { time, duration } : undefined;
      this.video.currentTime = time;
    }

    place() {
      const [low, high] = this.view;
      const width = this.plot.over.clientWidth;
      const x = ((this.time - low) / (high - low)) * width;
      this.playhead.hidden = x < -1 || x > width + 1;
      this.playhead.style.transform = `translateX(${x}px)`;
    }

    look(low, high) {
      const asked = high - low > this.end - 0.01 ? this.end : high - low;
      const span = clamp(asked, Math.min(LEAST_SPAN_S, this.end), this.end);
      const start = clamp(low, 0, this.end - span);
      this.view = [start, start + span];
      this.pending ??= requestAnimationFrame(() => this.redraw());
    }

    redraw() {
      this.pending = undefined;
      const inView = ((this.view[1] - this.view[0]) / this.end) * this.times.length;
      const level = inView > FINE_POINTS ? "coarse" : "fine";
      if (level !== this.drawn) this.plot.setData(this.levels[level], false);
      this.drawn = level;
      this.plot.setScale("x", { min: this.view[0], max: this.view[1] });
      const whole = this.view[1] - this.view[0] >= this.end;
      this.mark(whole);
      for (const button of this.movers) button.setAttribute("aria-disabled", whole);
    }

    // Where in the overview the chart is looking.
    mark(whole) {
      const frame = this.overview?.querySelector(".window");
      if (!frame) return;
      frame.hidden = whole;
      frame.style.left = `${(100 * this.view[0]) / this.end}%`;
      frame.style.width = `${(100 * (this.view[1] - this.view[0])) / this.end}%`;
    }

    // A click in the overview looks at five minutes around it.
    lookFromAbove(event) {
      const box = this.overview.getBoundingClientRect();
      const time = clamp((event.clientX - box.left) / box.width, 0, 1) * this.end;
      this.look(time - NEAR_S / 2, time + NEAR_S / 2);
      this.show(time);
    }

    zoom(factor, centre = clamp(this.time, ...this.view)) {
      const [low, high] = this.view;
      this.look(centre - (centre - low) * factor, centre + (high - centre) * factor);
    }

    pan(seconds) {
      this.look(this.view[0] + seconds, this.view[1] + seconds);
    }

    gestures(over) {
      const down = new Map();
      let moved = 0;
      const perPixel = () => (this.view[1] - this.view[0]) / over.clientWidth;
      const timeAt = (event) => this.view[0] + (event.clientX - over.getBoundingClientRect().left) * perPixel();
      over.addEventListener("pointerdown", (event) => {
        if (event.button) return;
        over.setPointerCapture(event.pointerId);
        down.set(event.pointerId, event);
        if (down.size === 1) moved = 0;
      });
      over.addEventListener("pointermove", (event) => {
        const before = down.get(event.pointerId);
        if (!before) return;
        const other = [...down.values()].find((one) => one.pointerId !== event.pointerId);
        moved += Math.abs(event.clientX - before.clientX) + Math.abs(event.clientY - before.clientY);
        down.set(event.pointerId, event);
        if (other) {
          const apart = Math.abs(event.clientX - other.clientX);
          const was = Math.abs(before.clientX - other.clientX);
          if (apart > 8 && was > 8) this.zoom(was / apart, (timeAt(event) + timeAt(other)) / 2);
        } else if (moved > 5) {
          this.pan((before.clientX - event.clientX) * perPixel());
        }
      });
      over.addEventListener("pointerup", (event) => {
        if (down.delete(event.pointerId) && moved <= 5) this.show(timeAt(event));
      });
      over.addEventListener("pointercancel", (event) => down.delete(event.pointerId));
      over.addEventListener("wheel", (event) => {
        const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
        if (event.ctrlKey || event.metaKey) this.zoom(Math.exp(event.deltaY / 300), timeAt(event));
        else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) this.pan(sideways * perPixel());
        else return; // the page scrolls
        event.preventDefault();
      }, { passive: false });
    }

    listen() {
      const span = () => this.view[1] - this.view[0];
      const deeds = {
        play: () => this.playOrPause(),
        closer: () => this.zoom(0.5),
        farther: () => this.zoom(2),
        whole: () => this.look(0, this.end),
        earlier: () => this.pan(-0.5 * span()),
        later: () => this.pan(0.5 * span()),
      };
      for (const button of this.section.querySelectorAll("[data-do]")) {
        button.addEventListener("click", deeds[button.dataset.do]);
      }
      const keys = {
        ArrowLeft: () => this.show(this.time - 1),
        ArrowRight: () => this.show(this.time + 1),
        PageDown: () => this.show(this.time - 10),
        PageUp: () => this.show(this.time + 10),
        Home: () => this.show(0),
        End: () => this.show(this.end),
        "+": deeds.closer,
        "=": deeds.closer,
        "-": deeds.farther,
        0: deeds.whole,
        " ": deeds.play,
      };
      this.frame.addEventListener("keydown", (event) => {
        const plain = !(event.ctrlKey || event.metaKey || event.altKey);
        if (!plain || !(event.key in keys)) return;
        event.preventDefault();
        if (event.shiftKey && event.key.startsWith("Arrow")) deeds[event.key === "ArrowLeft" ? "earlier" : "later"]();
        else if (event.key !== " " || !this.video.hidden) keys[event.key]();
      });
      this.section.querySelector("[data-show=emotions]").addEventListener("change", (event) => {
        this.rows = event.target.checked ? [...this.classes, ...this.emotions()] : this.classes;
        this.draw();
      });
      this.overview?.addEventListener("click", (event) => this.lookFromAbove(event));
      new ResizeObserver(() => {
        if (this.frame.clientWidth && this.frame.clientWidth !== this.plot.width) {
          this.plot.setSize({ width: this.frame.clientWidth, height: this.plot.height });
        }
      }).observe(this.frame);
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    }

    playOrPause() {
      // A promise is broken where a pause follows at once: nobody has to be told.
      if (this.video.paused) this.video.play().catch(() => {});
      else this.video.pause();
    }

    prepareVideo() {
      const { video } = this;
      const pick = this.section.querySelector(".pick");
      const reason = pick.querySelector("p");
      const present = (there, why = words.missing) => {
        video.hidden = !there;
        this.playButton.style.visibility = there ? "" : "hidden"; // its place is kept
        pick.hidden = there;
        reason.textContent = why;
      };
      // Where it lay when it was analysed, then beside this page: a report may travel with it.
      const places = [video.dataset.src, video.dataset.name].filter(Boolean);
      let known = false; // whether the file at hand is the one that was analysed, for certain
      const next = () => {
        known = places.length === 2;
        video.src = places.shift();
      };
      const follow = () => {
        this.show(video.currentTime, { seek: false });
        if (video.currentTime >= this.until) video.pause();
        if (!video.paused) requestAnimationFrame(follow);
      };
      const differs = () => {
        const least = Math.max(2, 0.01 * this.length);
        // Chromium may not count what it waits for before anything starts.
        const lengths = [video.duration, video.duration + video.currentTime];
        return !known && this.length && Number.isFinite(video.duration) && lengths.every((one) => Math.abs(one - this.length) > least);
      };
      video.addEventListener("loadedmetadata", () => {
        if (differs()) {
          const lengths = { there: clock(video.duration), wanted: clock(this.length) };
          present(false, words.wrong_length.replace(/{(there|wanted)}/g, (_, which) => lengths[which]));
          video.removeAttribute("src");
          video.load();
          return;
        }
        present(true);
        if (this.waiting) this.seek(this.waiting);
        this.waiting = undefined;
      });
      // A browser that plays the sound alone (HEVC of a phone) gives the pictures no width.
      const blind = () => {
        if (video.readyState && !video.videoWidth) present(false, words.no_picture);
      };
      video.addEventListener("loadeddata", blind);
      video.addEventListener("resize", () => (video.videoWidth && pick.hidden === false ? present(true) : blind()));
      video.addEventListener("error", () => {
        if (!video.hasAttribute("src")) return; // taken away above
        if (places.length) next();
        else present(false, video.error?.code > 2 && this.chosen ? words.no_picture : words.missing);
      });
      video.addEventListener("play", () => {
        for (const other of document.querySelectorAll("video")) if (other !== video) other.pause();
        this.playButton.textContent = words.pause;
        follow();
      });
      video.addEventListener("pause", () => {
        this.playButton.textContent = words.play;
        this.until = undefined; // whoever goes on from here wants to see more
      });
      video.addEventListener("timeupdate", () => video.currentTime >= this.until && video.pause());
      video.addEventListener("seeked", () => {
        const { time, duration } = this.beyond ?? {};
        this.beyond = undefined;
        if (Math.abs(video.currentTime - duration) < 0.1 && video.duration > duration + 0.1) return this.seek(time);
        const own = Math.abs(video.currentTime - this.time) < 0.1; // the answer to a seek of ours
        if (own) return;
        this.until = undefined;
        this.show(video.currentTime, { seek: false });
      });
      pick.querySelector("input").addEventListener("change", (event) => {
        const [file] = event.target.files;
        if (!file) return;
        URL.revokeObjectURL(video.src);
        places.length = 0;
        known = false;
        this.chosen = true;
        this.waiting = this.time;
        video.src = URL.createObjectURL(file);
      });
      present(false);
      if (places.length) next();
    }
  }

  // A viewer is made when its recording is unfolded: most are never looked at.
  const viewers = new Map();
  function viewerOf(number) {
    const recording = data.recordings.find((one) => one.number === number);
    if (!recording) return undefined;
    const section = document.getElementById(`viewer-${number}`);
    unfold(section);
    if (!viewers.has(number)) viewers.set(number, new Viewer(section, recording));
    return viewers.get(number);
  }
  function unfold(element) {
    for (let fold = element?.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  }
  for (const { number } of data.recordings) {
    const fold = document.getElementById(`viewer-${number}`).closest("details");
    if (!fold || fold.open) viewerOf(number);
    else fold.addEventListener("toggle", () => fold.open && viewerOf(number), { once: true });
  }

  // #t=83.5 leads to a moment of the first recording, #t=83.5,90&r=2 to one of the second, which
  // ends at 90; `play` plays it.
  function follow(hash, play = false) {
    const wanted = new URLSearchParams(hash.slice(1));
    if (!wanted.has("t")) {
      unfold(document.getElementById(hash.slice(1))?.querySelector("summary"));
      return false;
    }
    const [start, end] = wanted.get("t").split(",").map(Number);
    const viewer = viewerOf(Number(wanted.get("r"))) ?? viewerOf(data.recordings[0]?.number);
    if (!viewer || !Number.isFinite(start)) return false;
    if (play && end > start) viewer.play(start, end);
    else viewer.show(start);
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    viewer.section.scrollIntoView({ behavior: still ? "auto" : "smooth", block: "start" });
    viewer.frame.focus({ preventScroll: true });
    return true;
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (!link || !follow(link.hash, true)) return;
    event.preventDefault();
    history.replaceState(null, "", link.hash);
  });
  addEventListener("hashchange", () => follow(location.hash));
  follow(location.hash);

  for (const slider of document.querySelectorAll("input.fade")) {
    const fade = () => slider.closest(".moment").style.setProperty("--fade", slider.value / 100);
    slider.addEventListener("input", fade);
    fade();
  }
})();
