import { answerRead, type Command } from './command.js'

/** GET key → the value, or nil. */
export const get: Command = (context, client, id, slot, key) => {
  const handle = context.find(slot, key)
  if (handle === 0) return answerRead(context, client, id, slot, key, 0, null)
  const { records } = context.store
  if (records.isPlain(handle)) client.replyPlain(id, records, handle)
  else answerRead(context, client, id, slot, key, handle, records.entry(handle))
}
