// Live practice: the camera, the socket to the engine, one cue, questions, a recording that waits
// in this page until the person keeps it or throws it away.
"use strict";

const $ = (id) => document.getElementById(id);
const words = JSON.parse($("words")?.textContent ?? "{}");
const sets = JSON.parse($("sets")?.textContent ?? "[]");
const REST_S = 6, STRIP_MS = 10000, LEAST_MS = 60, QUALITY = 0.85, WIDTH = 640, HEIGHT = 480;
const SLOW_HZ = 5, STUCK_MS = 12000, HERE_MS = 15000, LASTS_MS = 2000;
const COLOURS = { positive: "#0072b2", neutral: "#6b7280", negative: "#c04b00", surprise: "#99317a" };

const state = {
  phase: "welcome", stream: null, socket: null, ready: false, flying: 0, number: 0, sentAt: 0,
  seen: [], rate: 0, lastAnswer: 0, baseline: null, recorder: null, parts: [], began: 0,
  resting: null, asked: [], question: -1, kept: null, retries: 0, silent: false,
  wrongSince: 0, due: { text: "", since: 0 },
};
const camera = $("camera");
const canvas = document.createElement("canvas");
const ink = canvas.getContext("2d", { alpha: false });

// A text that is there already is not set again: it would be read out again.
function set(id, text) {
  if ($(id).textContent !== text) $(id).textContent = text;
}

const hint = (text) => set("hint", text);

function show(id) {
  for (const other of ["welcome", "mirror", "after"]) $(other).hidden = other !== id;
  document.body.classList.toggle("practising", id === "mirror");
}

// A step, and where the keyboard stands then: on the button that leads on, or, where there is none,
// on the heading, which is read out then by being focused and not once more by being live.
function step(text, button) {
  $("step").ariaLive = button ? "polite" : "off";
  $("step").textContent = text;
  (button ?? $("step")).focus();
}

// What keeps a face from being read is said aloud, too, once it has lasted; and when it is over.
function aloud(wrong, now) {
  const said = $("aloud").textContent, waits = wrong && now - state.wrongSince < LASTS_MS;
  if (!wrong) state.wrongSince = now;
  if (wrong ? !waits && (!said || said === words.seen) : said) set("aloud", wrong || words.seen);
}

// A hint that comes and goes with the pictures: shown once it has lasted, so that it does not flicker.
function steady(text, now) {
  if (text !== state.due.text) state.due = { text, since: now };
  if (now - state.due.since >= LASTS_MS) hint(text);
}

// The camera

async function open() {
  if (!navigator.mediaDevices?.getUserMedia) return finish(words.no_camera);
  const video = { width: { ideal: WIDTH }, height: { ideal: HEIGHT }, frameRate: { ideal: 30 } };
  try {
    state.stream = await navigator.mediaDevices.getUserMedia({ video, audio: true });
  } catch (error) {
    const refused = error.name === "NotAllowedError";
    try {
      if (refused) throw error;
      state.stream = await navigator.mediaDevices.getUserMedia({ video }); // no microphone
      state.silent = true;
    } catch (again) {
      const taken = again.name === "NotReadableError" ? words.camera_taken : words.no_camera;
      return refuse(again.name === "NotAllowedError" ? words.refused : taken);
    }
  }
  for (const track of state.stream.getVideoTracks()) track.addEventListener("ended", unplugged);
  camera.srcObject = state.stream;
  await camera.play();
  show("mirror");
  state.phase = "waiting";
  step(words.getting_ready);
  watch();
  connect();
}

function refuse(text) {
  state.phase = "welcome";
  show("welcome");
  say(text);
}

function unplugged() {
  if (["welcome", "after"].includes(state.phase)) return;
  finish(words.unplugged);
}

// Pictures: at most one on its way, and always the newest

function watch() {
  const next = (now, about) => {
    if (!state.stream) return;
    state.taken = about.captureTime ?? now;
    state.fresh = true;
    pump();
    camera.requestVideoFrameCallback(next);
  };
  if (camera.requestVideoFrameCallback) camera.requestVideoFrameCallback(next);
  else setInterval(() => state.stream && next(performance.now(), {}), 70); // an older browser
}

function pump() {
  const now = performance.now();
  const open = state.socket?.readyState === WebSocket.OPEN && state.ready;
  if (!open || state.flying || !state.fresh || now - state.sentAt < LEAST_MS || document.hidden) return;
  const [wide, high] = [camera.videoWidth, camera.videoHeight];
  if (!wide) return;
  const scale = Math.min(1, WIDTH / Math.max(wide, high) * (wide < high ? 1.2 : 1));
  canvas.width = Math.round(wide * scale);
  canvas.height = Math.round(high * scale);
  ink.drawImage(camera, 0, 0, canvas.width, canvas.height);
  const number = (state.number += 1), taken = state.taken, socket = state.socket;
  [state.flying, state.fresh, state.sentAt] = [number, false, now];
  canvas.toBlob(async (blob) => {
    const bytes = blob && (await blob.arrayBuffer());
    if (!bytes || socket.readyState !== WebSocket.OPEN) { state.flying = 0; return; }
    const message = new Uint8Array(12 + bytes.byteLength);
    const header = new DataView(message.buffer);
    header.setUint32(0, number, true);
    header.setFloat64(4, taken, true);
    message.set(new Uint8Array(bytes), 12);
    socket.send(message);
  }, "image/jpeg", QUALITY);
}

// The socket

function connect() {
  const socket = new WebSocket(`ws://${location.host}/live/socket`);
  state.socket = socket;
  [state.ready, state.flying] = [false, 0];
  socket.onmessage = (event) => heard(JSON.parse(event.data));
  socket.onclose = (event) => {
    if (state.socket !== socket || !state.stream) return;
    state.ready = false;
    cue("", "");
    if (event.code === 4409) return finish(words.busy);
    if (state.retries >= 3) return hint(words.engine_gone);
    state.retries += 1;
    hint(words.reconnecting);
    setTimeout(connect, 1000 * state.retries);
  };
}

function tell(what) {
  if (state.socket?.readyState === WebSocket.OPEN) state.socket.send(JSON.stringify(what));
}

function heard(message) {
  if (message.kind === "ready") {
    state.ready = true;
    if (state.baseline) tell({ say: "baseline", baseline: state.baseline });
    if (state.phase === "waiting") {
      state.phase = "set";
      offer(words.rest, rest);
      step(words.sit, $("next"));
      hint(state.silent ? words.no_sound : words.sit_hint);
    }
  } else if (message.kind === "baseline") rested(message.baseline);
  else if (message.kind === "answer") answered(message);
}

function answered(answer) {
  const now = performance.now();
  if (answer.seq === state.flying) state.flying = 0;
  state.retries = 0;
  if (answer.state !== "refused") draw(answer, now);
  if (state.lastAnswer) state.rate += 0.1 * (1000 / Math.max(1, now - state.lastAnswer) - state.rate);
  else state.rate = 10;
  state.lastAnswer = now;
  document.documentElement.dataset.drawn = answer.seq;
  pump();
}

// What is shown: a word, a band, ten seconds

function draw(answer, now) {
  const asking = state.phase === "asking"; // before, there is no resting face to read against
  state.seen.push({ now, cue: asking && answer.state === "read" ? answer.cue : null });
  while (now - state.seen[0].now > STRIP_MS) state.seen.shift();
  if (answer.state === "read") {
    cue(asking ? answer.cue : "", asking ? words[answer.cue || "between"] : words.seen);
    if (asking) {
      const other = answer.others ? words.others : state.baseline ? "" : words.no_rest;
      steady(state.rate < SLOW_HZ ? words.slow : other, now);
    }
    aloud("", now);
  } else {
    const wrong = answer.state === "no_face" ? words.no_face : words[answer.flags[0]] ?? words.unreadable;
    cue("", wrong);
    aloud(wrong, now);
  }
  strip(now);
}

function cue(kind, word) {
  const glass = $("glass");
  if (glass.dataset.cue !== kind) glass.dataset.cue = kind;
  set("word", word);
}

function strip(now) {
  const board = $("strip"), pen = board.getContext("2d");
  pen.clearRect(0, 0, board.width, board.height);
  const x = (time) => board.width * (1 - (now - time) / STRIP_MS);
  state.seen.forEach(({ now: time, cue: kind }, k) => {
    const end = state.seen[k + 1]?.now ?? now;
    if (kind === null || end - time > 1000) return; // not read, or a gap
    pen.fillStyle = COLOURS[kind] ?? "#a3a8ae";
    const high = kind === "positive" ? 1 : kind === "negative" ? 0.72 : kind === "surprise" ? 0.86 : 0.5;
    pen.fillRect(x(time), board.height * (1 - high), Math.max(1, x(end) - x(time) + 0.5), board.height);
  });
}

// From step to step

let onNext = () => {};
$("next")?.addEventListener("click", () => onNext());
function offer(text, act) {
  [$("next").hidden, $("next").textContent] = [!text, text];
  onNext = act;
}

function record() {
  const kinds = ["video/webm;codecs=vp8,opus", "video/webm", "video/mp4"];
  const kind = kinds.find((one) => window.MediaRecorder?.isTypeSupported(one));
  if (!kind || state.recorder) return;
  const recorder = new MediaRecorder(state.stream, { mimeType: kind, videoBitsPerSecond: 2_000_000 });
  state.recorder = recorder;
  recorder.ondataavailable = ({ data }) => data.size && state.parts.push(data);
  recorder.start(1000);
  state.began = performance.now(); // its first picture follows at once; its event may come late
}

const elapsed = () => (state.began ? (performance.now() - state.began) / 1000 : 0);

function rest() {
  offer("", () => {});
  $("skip").hidden = true;
  record();
  state.phase = "resting";
  step(words.resting);
  hint(words.resting_hint);
  tell({ say: "rest" });
  const began = performance.now(), from = elapsed();
  const tick = () => {
    if (state.phase !== "resting") { $("count").hidden = true; return; }
    if (document.hidden) { $("count").hidden = true; return again(words.hidden_rest); }
    const left = REST_S - (performance.now() - began) / 1000;
    $("count").hidden = left <= 0;
    $("count").textContent = Math.ceil(left);
    if (left > 0) return setTimeout(tick, 100);
    state.resting = [from + 0.3, elapsed() - 0.1];
    tell({ say: "rested" });
  };
  tick();
}

function again(why) {
  state.phase = "set";
  state.resting = null;
  offer(words.rest_again, rest);
  $("skip").hidden = false;
  step(words.sit, $("next"));
  hint(why);
}

function rested(found) {
  if (state.phase !== "resting") return;
  if (found.kind === "none") return again(words.rest_failed);
  state.baseline = found;
  ask();
}
$("skip")?.addEventListener("click", () => { record(); ask(); });

function ask() {
  $("skip").hidden = true;
  const all = sets[state.set].questions, last = state.asked.at(-1);
  if (last && last.end === null) last.end = elapsed();
  state.question += 1;
  if (state.question >= all.length) return finish("");
  state.phase = "asking";
  state.asked.push({ question: state.question, start: elapsed(), end: null });
  offer(state.question + 1 < all.length ? words.next : words.done, ask);
  step(filled(words.question, { number: state.question + 1, total: all.length }), $("next"));
  hint(state.baseline ? "" : words.no_rest);
  [$("question").hidden, $("question").lang] = [false, sets[state.set].language];
  $("question").textContent = all[state.question];
}

function release() {
  for (const track of state.stream?.getTracks() ?? []) track.stop();
  state.stream = null;
  camera.srcObject = null;
  state.socket?.close();
  state.socket = null;
}

async function finish(why) {
  if (state.phase === "after") return;
  const last = state.asked.at(-1);
  if (last && last.end === null) last.end = elapsed();
  state.phase = "after";
  const { recorder } = state;
  if (recorder && recorder.state !== "inactive") {
    await new Promise((stopped) => { recorder.onstop = stopped; recorder.stop(); });
  }
  release();
  show("after");
  [$("after-why").hidden, $("after-why").textContent] = [!why, why];
  state.kept = state.parts.length ? new Blob(state.parts, { type: recorder.mimeType }) : null;
  state.parts = [];
  $("decide").hidden = !state.kept;
  if (state.kept) $("replay").src = URL.createObjectURL(state.kept);
  else over(words.nothing);
  $("after-title").focus();
}

function over(text) {
  $("decide").hidden = true;
  const replay = $("replay");
  if (replay.src) URL.revokeObjectURL(replay.src);
  replay.removeAttribute("src");
  replay.load();
  state.kept = null;
  set("outcome", text);
  $("again").hidden = false;
}

function keep() {
  const spans = state.asked.filter(({ start, end }) => end - start > 0.5);
  const query = new URLSearchParams({
    candidate: state.candidate,
    kind: state.kept.type,
    set: sets[state.set].mark,
    asked: spans.map((s) => `${s.question}:${s.start.toFixed(2)}-${s.end.toFixed(2)}`).join(","),
    resting: state.resting ? state.resting.map((s) => s.toFixed(2)).join("-") : "",
  });
  const request = new XMLHttpRequest();
  request.open("PUT", `/live/recording?${query}`);
  request.upload.onprogress = (event) => { $("sending").value = event.loaded / event.total; };
  const failed = (text) => {
    $("sending").hidden = true;
    [$("keep").disabled, $("discard").disabled] = [false, false];
    set("outcome", text);
    $("keep").focus();
  };
  request.onerror = () => failed(words.not_sent);
  request.onload = () => {
    if (request.status !== 200) {
      const { cause, remedy, exact } = reason(request.status, request.responseText);
      return failed(`${words.not_kept} ${cause} ${remedy} ${exact}`);
    }
    $("sending").hidden = true;
    over(words.kept);
    $("outcome").focus();
    wait(JSON.parse(request.responseText).recording);
  };
  [$("sending").hidden, $("keep").disabled, $("discard").disabled] = [false, true, true];
  set("outcome", words.sending);
  request.send(state.kept);
}

async function wait(recording) {
  try {
    const answer = await fetch(`/live/report?${new URLSearchParams({ recording })}`);
    const { state: how, address } = await answer.json();
    if (how === "made") {
      set("outcome", words.made);
      [$("report").href, $("report").hidden] = [address, false];
      if (document.activeElement === $("outcome")) $("report").focus(); // who waited there goes on
      return;
    }
    set("outcome", how === "failed" ? words.failed : words.kept);
    if (how === "failed") return;
  } catch { /* the desk is busy or closed; it is asked again */ }
  setTimeout(() => wait(recording), 1500);
}

$("begin")?.addEventListener("submit", (event) => {
  event.preventDefault();
  const given = new FormData(event.target);
  [state.candidate, state.set] = [given.get("candidate").trim(), Number(given.get("set"))];
  if (!state.candidate || state.phase !== "welcome") return;
  state.phase = "opening";
  say("");
  open();
});
$("stop")?.addEventListener("click", () => finish(""));
$("keep")?.addEventListener("click", keep);
$("discard")?.addEventListener("click", () => {
  over(words.discarded);
  $("outcome").focus();
});
$("again")?.addEventListener("click", () => location.reload());
window.addEventListener("beforeunload", (event) => state.kept && event.preventDefault());
document.addEventListener("visibilitychange", () => {
  if (!state.stream) return;
  if (document.hidden) { cue("", ""); hint(words.hidden); }
  else { state.flying = 0; hint(words.back); }
});
setInterval(() => {
  if (state.socket) tell({ say: "here" });
  if (state.flying && performance.now() - state.sentAt > STUCK_MS && !document.hidden) state.socket?.close();
}, HERE_MS);
