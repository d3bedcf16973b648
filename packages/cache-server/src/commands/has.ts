import { answerRead, type Command } from './command.js'

/** HAS key → boolean. */
export const has: Command = (context, client, id, slot, key) => {
  const entry = context.find(slot, key)
  answerRead(context, client, id, slot, key, entry, entry !== undefined)
}
