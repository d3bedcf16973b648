import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Job, Sample } from './load.js'
import { profiling } from './profiling.js'
import type { Children } from './children.js'
import type { SystemName } from './report.js'
import type { Task } from './worker.js'

const workerFile = fileURLToPath(new URL('./worker.js', import.meta.url))

/** The parent's end of a worker process that drives one client library. */
export class Client {
  readonly #child: ChildProcess

  private constructor(
    readonly name: SystemName,
    child: ChildProcess,
  ) {
    this.#child = child
  }

  static async start(
    name: SystemName,
    addresses: readonly string[],
    keyCount: number,
    children: Children,
    cpuProfileDir: string | undefined,
  ): Promise<Client> {
    const child = fork(workerFile, [name, addresses.join(','), String(keyCount)], {
      detached: true,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { ...process.env, ...profiling(cpuProfileDir, `client-${name}`) },
    })
    children.add(child, 'disconnect')
    const client = new Client(name, child)
    await client.#reply()
    return client
  }

  async preload(): Promise<void> {
    await this.#ask({ kind: 'preload' })
  }

  async measure(job: Job): Promise<Sample> {
    return (await this.#ask({ kind: 'measure', job })) as Sample
  }

  #ask(task: Task): Promise<unknown> {
    const reply = this.#reply()
    this.#child.send(task)
    return reply
  }

  #reply(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const onExit = (): void => reject(new Error(`the ${this.name} client ended unexpectedly`))
      this.#child.once('exit', onExit)
      this.#child.once('message', (message: { result?: unknown; error?: string }) => {
        this.#child.off('exit', onExit)
        if (message.error === undefined) resolve(message.result)
        else reject(new Error(`the ${this.name} client failed: ${message.error}`))
      })
    })
  }
}
