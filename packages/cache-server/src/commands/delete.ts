import { answerRead, type Command } from './command.js'

/** DELETE key → true when it was there. */
export const del: Command = (context, client, id, slot, key) => {
  if (context.find(slot, key) === 0) answerRead(context, client, id, slot, key, 0, false)
  else context.writer.remove(slot, key, client, id, context.writeNumber)
}
