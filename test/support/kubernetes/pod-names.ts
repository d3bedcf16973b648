// Loaded into a process before anything else: it finds the names in the file POD_NAMES, a JSON object from name to address,
// as pods find each other by DNS: as they are now, and not at all while there is no such pod.
import dns from 'node:dns'
import { readFileSync } from 'node:fs'

type Answer = (error: NodeJS.ErrnoException | null, address?: unknown, family?: number) => void

const lookup = dns.lookup as (name: string, options: unknown, answer: Answer) => void

dns.lookup = ((name: string, options: { all?: boolean }, answer: Answer): void => {
  if (!name.includes('.svc')) return lookup(name, options, answer)
  const known = JSON.parse(readFileSync(process.env['POD_NAMES']!, 'utf8')) as Record<string, string>
  const address = known[name]
  process.nextTick(() => {
    if (address === undefined)
      answer(
        Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), {
          code: 'ENOTFOUND',
          syscall: 'getaddrinfo',
        }),
      )
    else if (options.all) answer(null, [{ address, family: 4 }])
    else answer(null, address, 4)
  })
}) as unknown as typeof dns.lookup
