import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'

const FOLDER = fileURLToPath(new URL('../../../deploy/container/', import.meta.url))

/** What the tests read of a service of deploy/container/compose.yaml. */
export interface Service {
  readonly command: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly volumes?: readonly string[]
  readonly [option: string]: unknown
}

interface Compose {
  readonly name: string
  readonly services: Readonly<Record<string, Service>>
}

/** The file as Docker Compose understands it, anchors and merge keys resolved. */
export function readCompose(): Compose {
  return parse(readFileSync(`${FOLDER}compose.yaml`, 'utf8'), { merge: true }) as Compose
}

export function readDockerfile(): string {
  return readFileSync(`${FOLDER}Dockerfile`, 'utf8')
}

/** What an instruction of the last stage says, for example ENTRYPOINT. @throws Error when there is none */
export function instruction(name: string): string {
  const [, ...stages] = readDockerfile().split(/^FROM /m)
  const found = new RegExp(`^${name} (.*)$`, 'm').exec(stages.at(-1)!)
  if (!found) throw new Error(`the image has no ${name}`)
  return found[1]!
}

/** ENV of the image. */
export function imageEnvironment(): Record<string, string> {
  return Object.fromEntries(
    instruction('ENV')
      .split(' ')
      .map((pair) => pair.split('=') as [string, string]),
  )
}
