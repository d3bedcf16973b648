import { answerRead, type Command } from './command.js'

/** DELETE key → true when it was there. */
export const del: Command = (context, client, id, slot, key) => {
  const entry = context.find(slot, key)
  if (entry) context.writer.remove(entry, client, id, context.writeNumber)
  else answerRead(context, client, id, slot, key, undefined, false)
}
