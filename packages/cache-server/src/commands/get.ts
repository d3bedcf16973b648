import { answerRead, type Command } from './command.js'

/** GET key → the value, or nil. */
export const get: Command = (context, client, id, slot, key) => {
  const entry = context.find(slot, key)
  answerRead(context, client, id, slot, key, entry, entry ?? null)
}
