import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { waitUntil } from '@icf/testkit/wait'
import { Child } from './child.js'
import { HERE } from './place.js'
import { freePort } from '@icf/testkit/ports'

const run = promisify(execFile)

interface Member {
  readonly name: string
  readonly url: string
  readonly peerUrl: string
  child: Child | undefined
}

/** Why there can be no etcd here, and tests with one are to be skipped; undefined where there can. */
export function findEtcdObstacle(): string | undefined {
  for (const program of ['etcd', 'etcdctl'])
    if (spawnSync(program, ['version'], { env: { ...process.env, ETCDCTL_API: '3' } }).error)
      return `needs the program "${program}" (Debian: apt-get install etcd-server etcd-client)`
  return undefined
}

/** Three real members of an etcd, each a process of its own. */
export class EtcdCluster {
  readonly #dir = mkdtempSync(join(tmpdir(), 'icf-etcd-'))
  readonly #members: Member[]
  /** Each restored one is another: its members have data directories of their own. */
  #generation = 0

  private constructor(members: Member[]) {
    this.#members = members
  }

  /** Returns once it has a leader. */
  static async start(): Promise<EtcdCluster> {
    const members: Member[] = []
    for (const name of ['a', 'b', 'c']) {
      const [url, peerUrl] = [await localUrl(), await localUrl()]
      members.push({ name, url, peerUrl, child: undefined })
    }
    const cluster = new EtcdCluster(members)
    for (const { name } of members) cluster.restart(name)
    await cluster.answers()
    return cluster
  }

  /** Of all members, for `--etcd`. */
  get urls(): string {
    return this.#members.map(({ url }) => url).join(',')
  }

  get names(): string[] {
    return this.#members.map(({ name }) => name)
  }

  /** Which member leads. */
  async leader(): Promise<string> {
    for (const { name, url } of this.#members) {
      const { stdout } = await this.#ctl(['--endpoints', url, 'endpoint', 'status', '--write-out', 'json'])
      const [{ Status: status }] = JSON.parse(stdout) as [
        { Status: { header: { member_id: number }; leader: number } },
      ]
      if (status.header.member_id === status.leader) return name
    }
    throw new Error('no member of the etcd leads')
  }

  async kill(name: string): Promise<void> {
    const { child } = this.#member(name)
    child!.signal('SIGKILL')
    await child!.exited
  }

  /** Stops it, or lets it go on. */
  pause(name: string, signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#member(name).child!.signal(signal)
  }

  /** On its data directory. */
  restart(name: string): void {
    const member = this.#member(name)
    const { url, peerUrl } = member
    const args = [
      ...['--name', name, '--data-dir', this.#dataDir(name), '--log-level', 'error'],
      ...['--listen-client-urls', url, '--advertise-client-urls', url],
      ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
      ...['--initial-cluster', this.#initialCluster],
    ]
    member.child = new Child(`etcd ${name}`, args, {}, HERE, 'etcd')
  }

  /** Returns once most members agree on an answer. */
  async answers(): Promise<void> {
    await waitUntil(async () => (await this.#ctl(['get', 'nothing'])).stdout === '', {
      what: 'the etcd to answer',
    })
  }

  /** What happened before is forgotten by it: who watches from an older revision on has to begin anew. */
  async compact(): Promise<void> {
    const { stdout } = await this.#ctl(['get', 'nothing', '--write-out', 'json'])
    const { header } = JSON.parse(stdout) as { header: { revision: number } }
    await this.#ctl(['compact', String(header.revision)])
  }

  /** Returns what ends all members and has them begin anew with everything as it is now. */
  async snapshot(): Promise<() => Promise<void>> {
    const file = join(this.#dir, 'snapshot')
    await this.#ctl(['--endpoints', this.#members[0]!.url, 'snapshot', 'save', file])
    return async () => {
      for (const { name } of this.#members) await this.kill(name)
      this.#generation++
      for (const { name, peerUrl } of this.#members) {
        const args = [
          ...['snapshot', 'restore', file, '--name', name, '--data-dir', this.#dataDir(name)],
          ...['--initial-advertise-peer-urls', peerUrl, '--initial-cluster', this.#initialCluster],
        ]
        await this.#ctl(args)
        this.restart(name)
      }
      await this.answers()
    }
  }

  async stop(): Promise<void> {
    for (const { child } of this.#members) child?.signal('SIGKILL')
    for (const { child } of this.#members) await child?.exited
    rmSync(this.#dir, { recursive: true, force: true })
  }

  get #initialCluster(): string {
    return this.#members.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(',')
  }

  #member(name: string): Member {
    return this.#members.find((member) => member.name === name)!
  }

  #dataDir(name: string): string {
    return join(this.#dir, `${name}-${this.#generation}`)
  }

  #ctl(args: readonly string[]): Promise<{ stdout: string }> {
    const all = args[0] === '--endpoints' ? args : ['--endpoints', this.urls, ...args]
    return run('etcdctl', [...all], { env: { ...process.env, ETCDCTL_API: '3' } })
  }
}

async function localUrl(): Promise<string> {
  return `http://127.0.0.1:${await freePort()}`
}
