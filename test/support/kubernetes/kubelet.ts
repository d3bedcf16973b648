import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { StatefulSet } from 'kubernetes-types/apps/v1.js'
import type { Container, Probe, Volume } from 'kubernetes-types/core/v1.js'
import { Child, type Exit } from '../child.js'
import { loopbackNetwork } from '../loopback.js'
import { HERE } from '../place.js'
import type { FakeApiServer } from './fake-api-server.js'
import { folder, kustomization, mainOf, podOf } from './manifests.js'

const bin = fileURLToPath(new URL('../../../../node_modules/.bin', import.meta.url))
const names = new URL('./pod-names.js', import.meta.url).href
const PATH = [dirname(process.execPath), bin, process.env['PATH']].join(delimiter)

/** Of the image. */
const ENTRYPOINT = ['icf']

/** What services named `icf`, `icf-http` and `icf-resp` would put into the environment of each pod that asks for links. */
const SERVICE_LINKS = {
  ICF_SERVICE_HOST: '10.96.0.7',
  ICF_SERVICE_PORT: '7000',
  ICF_PORT: 'tcp://10.96.0.7:7000',
  ICF_PORT_7000_TCP: 'tcp://10.96.0.7:7000',
  ICF_PORT_7000_TCP_ADDR: '10.96.0.7',
  ICF_HTTP_PORT: 'tcp://10.96.0.8:7080',
  ICF_HTTP_SERVICE_HOST: '10.96.0.8',
  ICF_RESP_PORT: 'tcp://10.96.0.9:6100',
}

/** Runs what StatefulSets say as the kubelets of all nodes would, each pod with an address of its own on the loopback. */
export class Kubelet {
  readonly #dir = mkdtempSync(join(tmpdir(), 'icf-kubelet-'))
  readonly #network = loopbackNetwork()
  readonly #api: FakeApiServer
  readonly #addresses: Record<string, string> = {}
  readonly #pods: Pod[] = []

  constructor(api: FakeApiServer) {
    this.#api = api
    const credentials = this.#folder('credentials')
    writeFileSync(join(credentials, 'ca.crt'), api.certificate)
    writeFileSync(join(credentials, 'token'), `${api.token}\n`)
    this.#publish()
  }

  /** Each time with an address that no pod had before. Returns when its init containers have ended, and its own has been started. */
  async start(set: StatefulSet, ordinal: number, node: string): Promise<Pod> {
    const name = `${set.metadata!.name}-${ordinal}`
    const ip = `${this.#network}${this.#pods.length + 1}`
    const pod = new Pod(name, ip, node, set, (volume) => this.#source(volume, name), {
      KUBERNETES_SERVICE_HOST: '127.0.0.1',
      KUBERNETES_SERVICE_PORT: String(this.#api.port),
      ...SERVICE_LINKS,
      PATH,
      POD_NAMES: this.#namesFile,
    })
    this.#pods.push(pod)
    this.#addresses[`${name}.${set.spec!.serviceName}.${kustomization.namespace}.svc`] = ip
    this.#publish()
    await pod.begin()
    return pod
  }

  /** Sends SIGTERM, and takes its name away when it has ended. */
  async end(pod: Pod): Promise<Exit> {
    pod.main.signal('SIGTERM')
    const exit = await pod.main.exited
    for (const [name, ip] of Object.entries(this.#addresses)) if (ip === pod.ip) delete this.#addresses[name]
    this.#publish()
    return exit
  }

  transcript(): string {
    return this.#started.map((main) => main.transcript()).join('\n')
  }

  async close(): Promise<void> {
    // A pod whose init container still runs is not to start any more.
    for (const pod of this.#pods) pod.isOver = true
    for (const main of this.#started) main.signal('SIGKILL')
    await Promise.all(this.#started.map(({ exited }) => exited))
    rmSync(this.#dir, { recursive: true })
  }

  get #started(): Child[] {
    return this.#pods.flatMap(({ started }) => started ?? [])
  }

  get #namesFile(): string {
    return join(this.#dir, 'names.json')
  }

  /** At once: processes read it at any time. */
  #publish(): void {
    const next = `${this.#namesFile}.next`
    writeFileSync(next, JSON.stringify(this.#addresses))
    renameSync(next, this.#namesFile)
  }

  /** The folder that is mounted. A claim's is the same after a restart. */
  #source({ configMap, projected, emptyDir }: Volume, pod: string): string {
    if (configMap) return folder
    if (projected) return this.#folder('credentials')
    return this.#folder(emptyDir ? join('empty', `${pod}-${this.#pods.length}`) : join('claims', pod))
  }

  #folder(name: string): string {
    const path = join(this.#dir, name)
    mkdirSync(path, { recursive: true })
    return path
  }
}

/** One pod, with what it ran. */
export class Pod {
  /** Undefined until its init containers have ended. */
  started: Child | undefined
  isOver = false
  readonly #folders: ReadonlyMap<string, string>

  constructor(
    readonly name: string,
    readonly ip: string,
    readonly node: string,
    readonly set: StatefulSet,
    source: (volume: Volume) => string,
    readonly base: Readonly<Record<string, string>>,
  ) {
    const claims = (set.spec!.volumeClaimTemplates ?? []).map(({ metadata }) => ({ name: metadata!.name! }))
    const volumes = [...(podOf(set).volumes ?? []), ...claims]
    this.#folders = new Map(volumes.map((volume) => [volume.name, source(volume)]))
  }

  get main(): Child {
    return this.started!
  }

  /** @throws Error when an init container fails, or its end came first */
  async begin(): Promise<void> {
    for (const container of podOf(this.set).initContainers ?? []) {
      const child = this.#run(container, container.command!)
      const { code } = await child.exited
      if (code !== 0) throw new Error(child.transcript())
    }
    if (this.isOver) throw new Error(`${this.name} is over`)
    const main = mainOf(this.set)
    this.started = this.#run(main, [...(main.command ?? ENTRYPOINT), ...(main.args ?? [])])
  }

  /** Whether a probe of the container succeeds now; false when its process has ended. */
  async passes(kind: 'startupProbe' | 'livenessProbe' | 'readinessProbe'): Promise<boolean> {
    const container = mainOf(this.set)
    const { httpGet, tcpSocket, exec } = container[kind] as Probe
    if (!this.main.isRunning) return false
    if (exec) return (await this.#run(container, exec.command!).exited).code === 0
    const port = container.ports!.find(({ name }) => name === (httpGet ?? tcpSocket)!.port)!.containerPort
    if (tcpSocket) return isOpen(this.ip, port)
    const response = await fetch(`http://${this.ip}:${port}${httpGet!.path}`).catch(() => undefined)
    return response !== undefined && response.status >= 200 && response.status < 400
  }

  #run(container: Container, command: readonly string[]): Child {
    const [program, ...args] = command.map((word) => this.#mounted(container, word))
    return new Child(`${this.name} ${command[0]}`, args, this.#environment(container), HERE, program)
  }

  #environment(container: Container): NodeJS.ProcessEnv {
    const env: Record<string, string> = { ...this.base }
    const own: Record<string, string> = {}
    for (const { name, value, valueFrom } of container.env ?? []) {
      const text = valueFrom ? this.#field(valueFrom.fieldRef!.fieldPath) : value!
      // As Kubernetes does: what is not defined above stays as it is written.
      own[name] = text.replaceAll(/\$\((\w+)\)/g, (all, known: string) => own[known] ?? all)
    }
    for (const [name, value] of Object.entries(own)) env[name] = this.#mounted(container, value)
    env['NODE_OPTIONS'] = `${env['NODE_OPTIONS'] ?? ''} --import=${names}`
    return env
  }

  #field(path: string): string {
    const fields: Readonly<Record<string, string>> = {
      'metadata.name': this.name,
      'metadata.namespace': kustomization.namespace,
      'status.podIP': this.ip,
      'spec.nodeName': this.node,
    }
    const value = fields[path]
    if (value === undefined) throw new Error(`the downward API does not tell ${path}`)
    return value
  }

  /** With the folders of this machine for those of the container. */
  #mounted({ volumeMounts = [] }: Container, text: string): string {
    return volumeMounts.reduce(
      (word, { name, mountPath }) => word.replaceAll(mountPath, this.#folders.get(name)!.replace(/\/$/, '')),
      text,
    )
  }
}

function isOpen(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    const answer = (open: boolean) => (): void => {
      socket.destroy()
      resolve(open)
    }
    socket.on('connect', answer(true)).on('error', answer(false))
  })
}
