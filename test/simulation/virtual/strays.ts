const EVENTS = ['uncaughtException', 'unhandledRejection'] as const

/**
 * Until the returned function is called, errors that nobody catches go to `caught`, and to no other listener of the
 * process: not to a test runner either, which would blame whatever test is running.
 */
export function catchStrays(caught: (error: unknown) => void): () => void {
  const others = EVENTS.map((event) => process.rawListeners(event) as ((error: unknown) => void)[])
  for (const event of EVENTS) {
    process.removeAllListeners(event)
    process.on(event, caught)
  }
  return () => {
    for (const [index, event] of EVENTS.entries()) {
      process.removeListener(event, caught)
      for (const listener of others[index]!) process.on(event, listener)
    }
  }
}
