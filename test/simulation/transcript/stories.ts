import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const stories = ['set', 'handoff', 'death', 'takeover', 'fence'] as const
export type StoryName = (typeof stories)[number]

function pathOf(name: StoryName): string {
  return fileURLToPath(new URL(`../../../scenarios/${name}.txt`, import.meta.url))
}

export function readStory(name: StoryName): string {
  return readFileSync(pathOf(name), 'utf8')
}

export function writeStory(name: StoryName, text: string): void {
  writeFileSync(pathOf(name), text)
}
