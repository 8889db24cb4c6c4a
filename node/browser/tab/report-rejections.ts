/**
 * A rejection that nobody hears stays in its worker, and the page would wait for ever. As an error
 * it goes up to whoever started the worker. The entry of every worker imports this.
 */
addEventListener('unhandledrejection', ({ reason }: PromiseRejectionEvent) => {
  reportError(reason instanceof Error ? reason : new Error(String(reason)))
})
