// The server, as functions. What fails throws an Error whose message is for people.

let askForToken = async () => null;

/** Who asks the person for the token of the server; resolves to it, or to nothing. */
export function onTokenNeeded(ask) {
  askForToken = ask;
}

async function request(path, options = {}) {
  let answer;
  try {
    answer = await fetch(`api/${path}`, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server does not answer. Is it still running?");
  }
  if (answer.status === 401 && path !== "login") {
    await login();
    return request(path, options);
  }
  if (!answer.ok) throw Object.assign(new Error(await reasonOf(answer)), { status: answer.status });
  return answer;
}

let asking = null;

/** One question at a time, however many requests were refused. The server answers with a cookie. */
function login() {
  asking ??= enterToken().finally(() => (asking = null));
  return asking;
}

async function enterToken() {
  for (let refused = ""; ;) {
    const token = await askForToken(refused);
    if (!token)
      throw Object.assign(new Error("This server needs its token. Reload the page to enter it."), { isRefused: true });
    try {
      await send("login", { token });
      return;
    } catch (error) {
      refused = error.message;
    }
  }
}

async function reasonOf(answer) {
  const text = await answer.text();
  return reasonIn(text) ?? `The server answered ${answer.status} ${answer.statusText}`;
}

function reasonIn(text) {
  try {
    const { detail } = JSON.parse(text);
    if (typeof detail === "string") return detail;
    return detail.map((part) => `${part.loc.slice(1).join(" ")}: ${part.msg}`).join("; ");
  } catch {
    return null;
  }
}

/** The body of an answer, `how` json, blob or arrayBuffer. */
async function read(answer, how) {
  try {
    return await answer[how]();
  } catch (error) {
    throw error.name === "AbortError" ? error : new Error("The connection broke off; try again.");
  }
}

const json = async (path, options) => read(await request(path, options), "json");
const send = (path, body, headers = {}) =>
  request(path, {
    method: "POST",
    body: body && JSON.stringify(body),
    headers: body ? { "Content-Type": "application/json", ...headers } : headers,
  });
const post = async (path, body) => read(await send(path, body), "json");

const at = (id) => `cases/${encodeURIComponent(id)}`;

/** What the server takes. */
export const info = () => json("info");
export const listCases = (order) => json(`cases?order=${order}`);
export const getCase = (id) => json(at(id));
export const cancelCase = (id) => post(`${at(id)}/cancel`);
export const retryCase = (id) => post(`${at(id)}/retry`);
export const deleteCase = (id) => request(at(id), { method: "DELETE" });

/** A result, with `etag`: which one it is. Corrections of another one than `seen` are refused (status 412). */
const tagged = async (answer) =>
  Object.assign(await read(answer, "json"), { etag: answer.headers.get("ETag")?.replace(/^W\//, "") });
const about = (seen) => ({ "If-Match": seen.etag });

export const getResult = async (id, signal) => tagged(await request(`${at(id)}/result`, { signal }));
export const correct = async (id, seen, body) => tagged(await send(`${at(id)}/corrections`, body, about(seen)));
export const undo = async (id, seen) => tagged(await send(`${at(id)}/undo`, null, about(seen)));
export const redo = async (id, seen) => tagged(await send(`${at(id)}/redo`, null, about(seen)));

const bytes = async (path, signal) => read(await request(path, { signal }), "arrayBuffer");

/** The scan, an ArrayBuffer; `progress` is told bytes that came, and all of them. */
export async function getImage(id, signal, progress) {
  const answer = await request(`${at(id)}/image`, { signal });
  const all = Number(answer.headers.get("Content-Length"));
  const reader = answer.body.getReader();
  const parts = [];
  let got = 0;
  try {
    for (let part; !(part = await reader.read()).done; ) {
      parts.push(part.value);
      got += part.value.length;
      progress(got, all);
    }
  } catch (error) {
    throw error.name === "AbortError" ? error : new Error("The connection broke off while the scan was loaded.");
  }
  return new Blob(parts).arrayBuffer();
}

export const getMask = (id, signal) => bytes(`${at(id)}/mask`, signal);

/** The straightened picture as an object URL, and where its vertebrae are; null where there is none. */
export async function getStrip(id, plane, signal) {
  try {
    const [picture, places] = await Promise.all([
      request(`${at(id)}/strip/${plane}.png`, { signal }).then((answer) => read(answer, "blob")),
      json(`${at(id)}/strip/${plane}.json`, { signal }),
    ]);
    return { url: URL.createObjectURL(picture), places };
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}

/** A file to save: {blob, name}. */
async function download(path, name) {
  const answer = await request(path);
  const named = /filename="?([^";]+)"?/.exec(answer.headers.get("Content-Disposition") ?? "");
  return { blob: await read(answer, "blob"), name: named?.[1] ?? name };
}

export const formats = (id) => json(`${at(id)}/formats`);
export const exportCase = (id, formats, name) =>
  download(`${at(id)}/export?formats=${formats.join(",")}`, `${name}.zip`);
export const trainingSet = () => download("training-set", "training-set.zip");

/** Send the files of one case. `progress` is told 0-1; the signal cancels. Resolves to the new case. */
export function upload(files, progress, signal) {
  return new Promise((resolve, reject) => {
    const form = new FormData();
    for (const { file, path } of files) form.append("files", file, path);
    const sending = new XMLHttpRequest();
    sending.open("POST", "api/cases");
    sending.upload.onprogress = (event) => progress(event.loaded / event.total);
    sending.onload = () => {
      if (sending.status < 300) resolve(JSON.parse(sending.responseText));
      else {
        const reason = reasonIn(sending.responseText) ?? `The server answered ${sending.status}`;
        reject(Object.assign(new Error(reason), { status: sending.status }));
      }
    };
    sending.onerror = () => reject(new Error("The upload broke off. Is the server still running?"));
    sending.onabort = () => reject(new DOMException("cancelled", "AbortError"));
    signal.addEventListener("abort", () => sending.abort());
    sending.send(form);
  });
}

/**
 * What changes on the server, as it changes: `changed(case)`, `deleted({id})`; comes back after a broken connection.
 * A tab that nobody sees lets go: browsers open six connections to a server, all tabs together.
 */
export function listen({ changed, deleted, connected }) {
  let source = null;
  const stop = () => (source?.close(), (source = null));

  function start() {
    if (document.hidden || source) return;
    source = new EventSource("api/events");
    source.addEventListener("case", (event) => changed(JSON.parse(event.data)));
    source.addEventListener("deleted", (event) => deleted(JSON.parse(event.data)));
    source.onopen = () => connected(true);
    source.onerror = () => {
      connected(false);
      if (source?.readyState === EventSource.CLOSED) later();
    };
  }

  /** Refused, not broken off: perhaps the token is another one now, and a request asks for it. */
  function later() {
    stop();
    setTimeout(() => info().then(start, ({ isRefused }) => isRefused || later()), 2000);
  }

  document.addEventListener("visibilitychange", () => (document.hidden ? stop() : start()));
  start();
}
