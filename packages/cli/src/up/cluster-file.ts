import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** DIR/cluster.json: the processes of a local cluster that are alive. */
export interface ClusterJson {
  readonly masters: readonly {
    readonly id: string
    readonly pid: number
    readonly host: string
    readonly port: number
    /** 0: it has none. */
    readonly httpPort: number
    readonly role: string
  }[]
  readonly servers: readonly {
    readonly id: string
    readonly pid: number
    readonly host: string
    readonly port: number
    /** 0: it has none. */
    readonly respPort: number
  }[]
}

/** Keeps the file true. Readers see the old or the new content, never a part. */
export class ClusterFile {
  readonly path: string
  readonly #temporary: string
  #written = ''
  #isTold = false

  /** @param failed told once, until the file can be written again: a cluster is worth more than this file */
  constructor(
    folder: string,
    private readonly failed: (error: unknown) => void,
  ) {
    mkdirSync(folder, { recursive: true })
    this.path = join(folder, 'cluster.json')
    this.#temporary = join(folder, `.cluster.json.${process.pid}`)
  }

  write(cluster: ClusterJson): void {
    const text = `${JSON.stringify(cluster, null, 2)}\n`
    if (text === this.#written) return
    try {
      writeFileSync(this.#temporary, text)
      renameSync(this.#temporary, this.path)
      this.#written = text
      this.#isTold = false
    } catch (error) {
      if (!this.#isTold) this.failed(error)
      this.#isTold = true
    }
  }

  remove(): void {
    rmSync(this.path, { force: true })
    rmSync(this.#temporary, { force: true })
  }
}

/** What an earlier `icf up` left in the folder; undefined when there is nothing that can be read. */
export function readClusterFile(folder: string): ClusterJson | undefined {
  try {
    const cluster = JSON.parse(readFileSync(join(folder, 'cluster.json'), 'utf8')) as ClusterJson
    return Array.isArray(cluster.masters) && Array.isArray(cluster.servers) ? cluster : undefined
  } catch {
    return undefined
  }
}
