import { spawnSync } from 'node:child_process'
import { chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { waitUntil } from '@icf/testkit/wait'
import { Child, type Exit } from './child.js'
import { imageEnvironment, instruction, type Service } from './compose.js'
import { type Heal, type Machine, Network } from './network.js'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const PATH = '/usr/local/bin:/usr/bin:/bin'

/**
 * Makes of the namespaces of one process what the image is: this build in /opt/icf, Node.js and `icf` on the PATH,
 * nothing that can be written but /var/lib/icf, no rights, process 1. $1 to $5: hosts, build, node, state, user; then
 * the command.
 */
const ENTER = `set -e
  mount --bind "$1" /etc/hosts
  # What is bound below may itself be in one of the folders that are hidden.
  mount -t tmpfs none /mnt && mkdir /mnt/icf && : >/mnt/node
  mount --bind "$2" /mnt/icf && mount --bind "$3" /mnt/node
  for folder in /opt /var/lib /usr/local/bin; do mount -t tmpfs none $folder; done
  mkdir /opt/icf /var/lib/icf && : >/usr/local/bin/node
  mount --bind /mnt/icf /opt/icf
  mount --bind /mnt/node /usr/local/bin/node
  umount --recursive /mnt
  ln -s /opt/icf/packages/cli/dist/main.js /usr/local/bin/icf
  mount --bind "$4" /var/lib/icf
  mount -t proc proc /proc
  for folder in / /opt /opt/icf /var/lib /usr/local/bin; do mount -o remount,bind,ro $folder; done
  cd /var/lib/icf
  user=$5; shift 5
  exec setpriv --reuid $user --regid $user --clear-groups --no-new-privs --bounding-set -all --pdeathsig KILL "$@"`

/** Programs that make processes containers, and have commands run in them; to name to `enterPrivateNetwork`. */
export const CONTAINER_TOOLS = ['setpriv', 'nsenter']

/** What a container becomes: one process, alone with its network, and reached by the name of its service. */
interface Container {
  readonly name: string
  readonly machine: Machine
  readonly state: string
  readonly environment: Readonly<Record<string, string>>
  readonly entrypoint: readonly string[]
  child: Child
  /** While it is not there: puts its network back. */
  absent: Heal | undefined
}

/**
 * The services of a compose file as real processes, each in namespaces of its own, as in a container. The test process
 * is one more machine in their network. Only inside of `enterPrivateNetwork`, whose /etc/hosts it changes.
 */
export class Containers {
  readonly #containers = new Map<string, Container>()
  readonly #dir = mkdtempSync(join(tmpdir(), 'icf-containers-'))
  readonly #hosts = join(this.#dir, 'hosts')
  readonly #user = Number(instruction('USER').split(':')[0])

  private constructor(private readonly network: Network) {}

  /**
   * Starts them all at once.
   * @param extra what is in the environment of each beside what the image and its service say
   */
  static async up(
    services: Readonly<Record<string, Service>>,
    extra: Readonly<Record<string, string>>,
  ): Promise<Containers> {
    const containers = new Containers(await Network.create())
    for (const [name, service] of Object.entries(services)) await containers.#create(name, service, extra)
    containers.#nameAll()
    const mounted = spawnSync('mount', ['--bind', containers.#hosts, '/etc/hosts'], { encoding: 'utf8' })
    if (mounted.status !== 0) throw new Error(mounted.stderr)
    for (const name of Object.keys(services)) containers.#start(name)
    return containers
  }

  async #create(name: string, service: Service, extra: Readonly<Record<string, string>>): Promise<void> {
    const state = join(this.#dir, name)
    mkdirSync(state)
    chownSync(state, this.#user, this.#user)
    this.#containers.set(name, {
      name,
      machine: await this.network.addMachine(),
      state,
      environment: { PATH, ...imageEnvironment(), ...extra, ...service.environment },
      entrypoint: [...(JSON.parse(instruction('ENTRYPOINT')) as string[]), ...service.command],
      child: undefined as unknown as Child,
      absent: undefined,
    })
  }

  #start(name: string): void {
    const container = this.#of(name)
    const { machine, state, environment, entrypoint } = container
    const enter = ['sh', '-c', ENTER, 'sh', this.#hosts, ROOT, process.execPath, state, String(this.#user)]
    const isolate = ['--mount', '--pid', '--fork', '--kill-child', ...enter]
    container.child = new Child(
      name,
      [...isolate, ...withEnvironment(environment), ...entrypoint],
      {},
      machine,
      'unshare',
    )
  }

  /** After `kill`: once more, with the state that it had. */
  async restart(name: string): Promise<void> {
    const container = this.#of(name)
    await container.absent!()
    container.absent = undefined
    this.#nameAll()
    this.#start(name)
  }

  /** `docker kill`: it is gone, and so are its address and its name. */
  async kill(name: string): Promise<void> {
    const container = this.#of(name)
    container.child.signal('SIGKILL')
    await container.child.exited
    container.absent = await this.network.cut([container.machine], this.network.except(container.machine))
    this.#nameAll()
  }

  /** `docker stop`, however long it takes. */
  stop(...names: string[]): Promise<Exit[]> {
    return Promise.all(
      names.map((name) => {
        const { child } = this.#of(name)
        process.kill(processOne(child), 'SIGTERM')
        return child.exited
      }),
    )
  }

  isRunning(name: string): boolean {
    return this.#of(name).child.isRunning
  }

  /** HEALTHCHECK of the image. */
  async untilHealthy(name: string): Promise<void> {
    const [node, script] = JSON.parse(/CMD (\[.*\])/.exec(instruction('HEALTHCHECK'))![1]!) as string[]
    const file = script!.replace('/opt/icf/', '/opt/icf/deploy/container/')
    await waitUntil(async () => (await this.exec(name, node!, file)).code === 0, {
      what: `${name} is healthy`,
    })
  }

  /** `docker exec`. */
  async exec(name: string, ...command: string[]): Promise<{ code: number | null; stdout: string }> {
    const { child, environment } = this.#of(name)
    const args = ['--target', String(processOne(child)), '--mount', '--net', '--pid']
    const user = ['setpriv', '--reuid', String(this.#user), '--regid', String(this.#user), '--clear-groups']
    const run = [...args, ...user, ...withEnvironment(environment), ...command]
    const done = new Child(`${name}: ${command.join(' ')}`, run, {}, undefined, 'nsenter')
    const { code } = await done.exited
    return { code, stdout: done.stdout }
  }

  /** Of process 1, as the kernel tells it. */
  status(name: string, field: string): string {
    const text = readFileSync(`/proc/${processOne(this.#of(name).child)}/status`, 'utf8')
    return new RegExp(`^${field}:\\s*(.*)$`, 'm').exec(text)![1]!
  }

  /** Kills what is left. */
  async down(): Promise<void> {
    const children = [...this.#containers.values()].map(({ child }) => child)
    for (const child of children) child.signal('SIGKILL')
    await Promise.all(children.map(({ exited }) => exited))
    rmSync(this.#dir, { recursive: true, force: true })
  }

  /** The last lines of every process, for the report of a failed test. */
  transcript(): string {
    return [...this.#containers.values()].map(({ child }) => child.transcript()).join('\n')
  }

  #of(name: string): Container {
    return this.#containers.get(name)!
  }

  /** In place: every container has this very file as its /etc/hosts. */
  #nameAll(): void {
    const present = [...this.#containers.values()].filter(({ absent }) => absent === undefined)
    const lines = present.map(({ name, machine }) => `${machine.host} ${name}`)
    writeFileSync(this.#hosts, ['127.0.0.1 localhost', ...lines, ''].join('\n'))
  }
}

/** Of the namespaces that `unshare` made: its only child. @throws Error before it is there, as 0 would be all that run here */
function processOne({ name, pid }: Child): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  if (children === '') throw new Error(`${name} has no process 1`)
  return Number(children)
}

function withEnvironment(environment: Readonly<Record<string, string>>): string[] {
  return ['env', '-i', ...Object.entries(environment).map(([name, value]) => `${name}=${value}`)]
}
