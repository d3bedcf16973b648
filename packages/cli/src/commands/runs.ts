/** Makes an action of a function that returns the exit code. */
export function runs<Args extends readonly unknown[]>(work: (...args: Args) => Promise<number>) {
  return async (...args: Args): Promise<void> => {
    process.exitCode = await work(...args)
  }
}
