import { answerRead, type Command } from './command.js'

/** HAS key → boolean. */
export const has: Command = (context, client, id, slot, key) => {
  const handle = context.find(slot, key)
  answerRead(context, client, id, slot, key, handle, handle !== 0)
}
