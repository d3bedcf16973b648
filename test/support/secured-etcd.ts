import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { waitUntil } from '@icf/testkit/wait'
import { Child } from './child.js'
import { findEtcdObstacle } from './etcd.js'
import { HERE } from './place.js'
import { freePort } from '@icf/testkit/ports'

const run = promisify(execFile)

/** Why there can be no such etcd here; undefined where there can. */
export function findSecuredEtcdObstacle(): string | undefined {
  const hasOpenssl = spawnSync('openssl', ['version']).error === undefined
  return findEtcdObstacle() ?? (hasOpenssl ? undefined : 'needs the program "openssl"')
}

/** A real etcd of one member, which asks for certificates and passwords. Its user `icf` may use the keys below `/icf/`. */
export class SecuredEtcd {
  readonly #dir = mkdtempSync(join(tmpdir(), 'icf-etcd-'))

  private constructor(
    readonly url: string,
    private child: Child | undefined,
  ) {}

  /** Returns once it lets nobody in without a password. */
  static async start(): Promise<SecuredEtcd> {
    const [port, peerPort] = [await freePort(), await freePort()]
    const etcd = new SecuredEtcd(`https://127.0.0.1:${port}`, undefined)
    await etcd.#makeCertificates()
    etcd.#spawn(`http://127.0.0.1:${peerPort}`)
    await waitUntil(async () => (await etcd.#ctl(['get', 'nothing'])).stdout === '', { what: 'the etcd' })
    const setup = [
      ['user', 'add', 'root:of-root'],
      ['user', 'grant-role', 'root', 'root'],
      ['user', 'add', 'icf:of-icf'],
      ['role', 'add', 'icf'],
      ['role', 'grant-permission', 'icf', 'readwrite', '--prefix=true', '/icf/'],
      ['user', 'grant-role', 'icf', 'icf'],
      ['auth', 'enable'],
    ]
    for (const args of setup) await etcd.#ctl(args)
    return etcd
  }

  /** Options of a master beside `--etcd`. */
  args(password = 'of-icf'): string[] {
    const passwordFile = this.#file('password')
    writeFileSync(passwordFile, password)
    return [
      ...['--etcd-user', 'icf', '--etcd-password-file', passwordFile],
      ...['--etcd-ca', this.#file('ca.crt')],
      ...['--etcd-cert', this.#file('client.crt'), '--etcd-key', this.#file('client.key')],
    ]
  }

  async stop(): Promise<void> {
    this.child?.signal('SIGKILL')
    await this.child?.exited
    rmSync(this.#dir, { recursive: true, force: true })
  }

  #spawn(peerUrl: string): void {
    const args = [
      ...['--name', 'a', '--data-dir', this.#file('data'), '--log-level', 'error'],
      ...['--listen-client-urls', this.url, '--advertise-client-urls', this.url],
      ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
      ...[
        '--initial-cluster',
        `a=${peerUrl}`,
        '--client-cert-auth',
        '--trusted-ca-file',
        this.#file('ca.crt'),
      ],
      ...['--cert-file', this.#file('server.crt'), '--key-file', this.#file('server.key')],
    ]
    this.child = new Child('etcd', args, {}, HERE, 'etcd')
  }

  /** One that is signed for each side. That of the client has no common name: etcd's gateway takes none beside passwords. */
  async #makeCertificates(): Promise<void> {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
    const files = (name: string): string[] => ['-keyout', this.#file(`${name}.key`), '-out']
    await this.#ssl(['req', '-x509', ...key, '-subj', '/CN=ca', ...files('ca'), this.#file('ca.crt')])
    writeFileSync(this.#file('extensions'), 'subjectAltName=IP:127.0.0.1\n')
    const signed = ['-CA', this.#file('ca.crt'), '-CAkey', this.#file('ca.key'), '-CAcreateserial']
    for (const [name, subject] of [
      ['server', '/CN=etcd'],
      ['client', '/O=icf'],
    ] as const) {
      const request = this.#file(`${name}.csr`)
      await this.#ssl(['req', ...key, '-subj', subject, ...files(name), request])
      const made = ['-extfile', this.#file('extensions'), '-out', this.#file(`${name}.crt`)]
      await this.#ssl(['x509', '-req', '-in', request, ...signed, ...made])
    }
  }

  #ssl(args: readonly string[]): Promise<unknown> {
    return run('openssl', [...args])
  }

  #ctl(args: readonly string[]): Promise<{ stdout: string }> {
    const tls = ['--cacert', this.#file('ca.crt'), '--cert', this.#file('client.crt')]
    const all = ['--endpoints', this.url, ...tls, '--key', this.#file('client.key'), ...args]
    return run('etcdctl', all, { env: { ...process.env, ETCDCTL_API: '3' } })
  }

  #file(name: string): string {
    return join(this.#dir, name)
  }
}
