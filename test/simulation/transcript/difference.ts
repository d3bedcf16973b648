/** Lines that are shown before and behind what differs, as they are in both. */
const CONTEXT = 3

/** Where two texts differ first and last, and all between: `-` as it was, `+` as it is. '' when they do not differ. */
export function difference(was: string, is: string): string {
  if (was === is) return ''
  const [old, now] = [was.split('\n'), is.split('\n')]
  let same = 0
  while (same < old.length && same < now.length && old[same] === now[same]) same++
  let behind = 0
  const most = Math.min(old.length, now.length) - same
  while (behind < most && old.at(-1 - behind) === now.at(-1 - behind)) behind++
  return [
    ...old.slice(Math.max(0, same - CONTEXT), same).map((line) => `  ${line}`),
    ...old.slice(same, old.length - behind).map((line) => `- ${line}`),
    ...now.slice(same, now.length - behind).map((line) => `+ ${line}`),
    ...now.slice(now.length - behind, now.length - behind + CONTEXT).map((line) => `  ${line}`),
  ].join('\n')
}
