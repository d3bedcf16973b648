import { begin, isBeginning, owners, runStep } from './commands.js'
import { readTranscript, writeTranscript, type Block } from './file.js'
import type { Story } from './story.js'

/** Does again what a transcript does. @returns the transcript with what came of it this time. @throws Error */
export async function replay(text: string): Promise<string> {
  const blocks: Block[] = []
  let story: Story | undefined
  for (const { remarks, commands } of readTranscript(text)) {
    let output: readonly string[] = []
    if (isBeginning(commands)) output = owners((story = await begin(commands)))
    else if (commands.length > 0) output = await runStep(story, commands)
    blocks.push({ remarks, commands, output })
  }
  return writeTranscript(blocks)
}
