import { answerRead, type Command } from './command.js'

/** TTL key → remaining milliseconds; -1: no time to live; nil: missing. */
export const ttl: Command = (context, client, id, slot, key) => {
  const entry = context.find(slot, key)
  const remaining = entry && (entry.expiresAt === 0 ? -1 : Math.ceil(entry.expiresAt - context.now))
  answerRead(context, client, id, slot, key, entry, remaining ?? null)
}
