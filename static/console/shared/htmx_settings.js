// How htmx behaves here; read before it starts.

Object.assign(htmx.config, {
  // No eval and no style of its own: the content security policy refuses both.
  includeIndicatorStyles: false,
  allowEval: false,
  defaultSettleDelay: 0,
  // A refusal is an answer with words in it, so it is shown like any other.
  responseHandling: [
    { code: "204", swap: false },
    { code: "[23]..", swap: true },
    { code: "403|409|422", swap: true },
    { code: "...", swap: false, error: true },
  ],
  // Back soon, but not all at once: a server that restarts is not run over by its pages.
  // At five seconds at most, for the operator who waits.
  wsReconnectDelay: (tries) => Math.min(250 * 2 ** tries, 5000) * (0.5 + Math.random() / 2),
});
