import { answerRead, type Command } from './command.js'

/** TTL key → remaining milliseconds; -1: no time to live; nil: missing. */
export const ttl: Command = (context, client, id, slot, key) => {
  const handle = context.find(slot, key)
  if (handle === 0) return answerRead(context, client, id, slot, key, 0, null)
  const expiresAt = context.store.records.expiresAt(handle)
  const remaining = expiresAt === 0 ? -1 : Math.ceil(expiresAt - context.now)
  answerRead(context, client, id, slot, key, handle, remaining)
}
