/** Environment of a process for which each sync of a file or a folder takes so long. */
export function slowDisk(syncMs: number): NodeJS.ProcessEnv {
  const hook = new URL(`./slow-disk.hook.js?ms=${syncMs}`, import.meta.url)
  return { NODE_OPTIONS: `--import ${hook.href}` }
}
