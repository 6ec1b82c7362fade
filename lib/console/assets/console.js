// The script of the console. What it does without: everything but keeping pages up to date and pointing at plots.
(() => {
  "use strict";
  const TOKEN = "warren.token";
  /** Lines that the live log keeps. */
  const MOST_LINES = 300;
  const RETRY = 1_000;
  const MOST_RETRY = 30_000;

  const byId = (id) => document.getElementById(id);

  // --- The token: asked for once, kept in this tab, sent as a header.

  const token = () => sessionStorage.getItem(TOKEN);
  const headers = () => token() ? { authorization: `Bearer ${token()}` } : {};

  document.addEventListener("htmx:configRequest", ({ detail }) => Object.assign(detail.headers, headers()));
  document.addEventListener("htmx:historyCacheMiss", ({ detail }) => {
    for (const [name, value] of Object.entries(headers())) detail.xhr.setRequestHeader(name, value);
    detail.xhr.setRequestHeader("accept", "text/html");
  });
  document.addEventListener("htmx:configRequest", ({ detail }) => detail.headers.accept = "text/html");

  /** A page that needs the token, again with it. */
  const enter = () => htmx.ajax("GET", location.pathname + location.search, { target: "body", swap: "innerHTML" });

  function signIn() {
    const form = byId("sign-in");
    if (!form || form.dataset.ready) return;
    form.dataset.ready = "true";
    form.hidden = false;
    const state = byId("sign-in-state");
    if (token()) {
      // The same page came back: this one is not accepted.
      if (form.dataset.tried === token() || sessionStorage.getItem("warren.tried") === token()) {
        state.textContent = "This token is not accepted. Enter another one.";
        sessionStorage.removeItem(TOKEN);
        sessionStorage.removeItem("warren.tried");
      } else {
        form.hidden = true;
        state.textContent = "Opening the page…";
        sessionStorage.setItem("warren.tried", token());
        enter();
        return;
      }
    }
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      event.stopPropagation();
      sessionStorage.setItem(TOKEN, byId("token").value.trim());
      sessionStorage.removeItem("warren.tried");
      form.dataset.ready = "";
      signIn();
    });
    byId("token").focus();
  }

  // --- The stream: an EventSource over fetch, which can send the token, and which rests while the tab is hidden.

  class Stream extends EventTarget {
    #url;
    #abort = new AbortController();
    #closed = false;
    #retry = RETRY;
    #timer;
    #seen = () => this.#turn();

    constructor(url) {
      super();
      this.#url = url;
      this.readyState = EventSource.CONNECTING;
      document.addEventListener("visibilitychange", this.#seen);
      this.#turn();
    }

    close() {
      this.#closed = true;
      this.readyState = EventSource.CLOSED;
      document.removeEventListener("visibilitychange", this.#seen);
      this.#stop();
    }

    #stop() {
      clearTimeout(this.#timer);
      this.#abort.abort();
    }

    #turn() {
      this.#stop();
      if (document.hidden) return say("Paused while hidden", "paused");
      this.#abort = new AbortController();
      this.#run(this.#abort.signal).catch(() => {}).finally(() => this.#again());
    }

    #again() {
      if (this.#closed || document.hidden) return;
      say("Not live: trying again", "lost");
      this.#timer = setTimeout(() => this.#turn(), this.#retry);
      this.#retry = Math.min(this.#retry * 2, MOST_RETRY);
    }

    async #run(signal) {
      const response = await fetch(this.#url, { headers: { ...headers(), accept: "text/event-stream" }, signal });
      if (!response.ok) throw new Error(response.statusText);
      this.#retry = RETRY;
      this.readyState = EventSource.OPEN;
      say("Live", "on");
      this.onopen?.(new Event("open"));
      let rest = "";
      for await (const text of chunks(response.body.pipeThrough(new TextDecoderStream()))) {
        const events = (rest + text).split("\n\n");
        rest = events.pop();
        for (const event of events) this.#take(event);
      }
    }

    #take(event) {
      const lines = event.split("\n");
      const type = lines.find((line) => line.startsWith("event: "))?.slice(7);
      const data = lines.filter((line) => line.startsWith("data: ")).map((line) => line.slice(6)).join("\n");
      if (type) this.dispatchEvent(new MessageEvent(type, { data }));
    }
  }

  async function* chunks(stream) {
    const reader = stream.getReader();
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
  }

  function say(text, state) {
    const place = byId("live-state");
    if (!place || place.textContent === text) return;
    place.textContent = text;
    place.dataset.state = state;
  }

  htmx.createEventSource = (url) => new Stream(url);
  // What went away between two looks is no mistake.
  document.addEventListener("htmx:oobErrorNoTarget", (event) => event.preventDefault());

  // --- Times in the reader's own time zone.

  const clock = new Intl.DateTimeFormat(undefined, {
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
  });
  const date = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" });

  function localTimes(root) {
    for (const time of root.querySelectorAll("time[data-form]")) {
      const at = new Date(time.dateTime);
      time.textContent = (time.dataset.form === "date" ? date : clock).format(at);
      time.title = `${date.format(at)} (${time.dateTime})`;
      delete time.dataset.form;
    }
    const zone = byId("zone");
    if (zone) zone.textContent = `Times are in ${Intl.DateTimeFormat().resolvedOptions().timeZone}.`;
  }

  // --- The live log follows its end, unless somebody reads further up.

  function trimLog() {
    const log = byId("log");
    if (!log) return;
    while (log.children.length > MOST_LINES) log.firstElementChild.remove();
    const box = log.parentElement;
    if (box.scrollHeight - box.scrollTop - box.clientHeight < 120) {
      box.scrollTop = box.scrollHeight;
    }
  }

  // --- Selecting.

  document.addEventListener("change", ({ target }) => {
    if (target.id !== "select-all") return;
    for (const box of document.querySelectorAll("input[name=selected]")) box.checked = target.checked;
  });

  // --- Keys: / goes to the filter of the page.

  document.addEventListener("keydown", (event) => {
    const { target, key } = event;
    if (key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (target.closest("input, textarea, select, [contenteditable]")) return;
    const filter = document.querySelector("[aria-keyshortcuts='/']");
    if (!filter) return;
    event.preventDefault();
    filter.focus();
    filter.select();
  });

  // --- A page or a part of it is there.

  function settle() {
    localTimes(document);
    warrenPlots.draw();
    trimLog();
    signIn();
  }

  document.addEventListener("htmx:afterSettle", ({ detail }) => {
    if (!byId("sign-in")) sessionStorage.removeItem("warren.tried");
    settle();
    if (detail.boosted) byId("main")?.focus();
  });
  document.addEventListener("htmx:historyRestore", settle);
  // Many parts may come at once: what is to be done after them is done once.
  let soon = 0;
  document.addEventListener("htmx:sseMessage", () => {
    soon ||= requestAnimationFrame(() => {
      soon = 0;
      settle();
    });
  });
  document.addEventListener("htmx:sendError", () => say("The runner does not answer", "lost"));
  document.documentElement.classList.add("js");
  // The scripts are deferred: the document is there.
  settle();
})();
