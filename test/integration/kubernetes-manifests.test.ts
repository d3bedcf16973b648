// The manifests in deploy/kubernetes are what Kubernetes takes, and say what they mean.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, it } from 'node:test'
import type { StatefulSet } from 'kubernetes-types/apps/v1.js'
import type { Container, Probe } from 'kubernetes-types/core/v1.js'
import { runIcf } from '../support/icf.js'
import {
  budgets,
  files,
  folder,
  kustomization,
  mainOf,
  manifests,
  podOf,
  services,
  statefulSet,
  statefulSets,
} from '../support/kubernetes/manifests.js'

const modules = fileURLToPath(new URL('../../../node_modules/', import.meta.url))
const MIB = 1024 ** 2

/** Where the type of each kind is. */
const TYPES: Readonly<Record<string, string>> = {
  v1: 'core/v1',
  'apps/v1': 'apps/v1',
  'policy/v1': 'policy/v1',
  'rbac.authorization.k8s.io/v1': 'rbac/v1',
}

describe('the manifests', () => {
  it('have only fields that there are, of the right types', () => {
    const dir = mkdtempSync(join(tmpdir(), 'icf-manifests-'))
    const file = join(dir, 'manifests.mts')
    const declarations = manifests.map(({ apiVersion, kind, ...rest }, i) => {
      const type = `import(${JSON.stringify(`${modules}kubernetes-types/${TYPES[apiVersion]}.js`)}).${kind}`
      return `export const m${i}: ${type} = ${JSON.stringify({ apiVersion, kind, ...rest }, undefined, 1)}`
    })
    writeFileSync(file, declarations.join('\n'))
    const tsc = join(modules, 'typescript/bin/tsc')
    const options = [
      '--ignoreConfig',
      '--noEmit',
      '--strict',
      '--skipLibCheck',
      '--module',
      'nodenext',
      '--types',
      '',
    ]
    const { status, stdout } = spawnSync(process.execPath, [tsc, ...options, file], { encoding: 'utf8' })
    rmSync(dir, { recursive: true })
    assert.equal(status, 0, stdout)
  })

  it('are all in the kustomization, with all that its scripts are', () => {
    assert.deepEqual([...kustomization.resources].sort(), [...files].sort())
    const [scripts] = kustomization.configMapGenerator
    for (const set of statefulSets)
      for (const { configMap } of podOf(set).volumes ?? [])
        if (configMap) assert.equal(configMap.name, scripts!.name)
    const commands = JSON.stringify(manifests)
    for (const script of scripts!.files) {
      assert.ok(readFileSync(join(folder, script), 'utf8').length > 0)
      assert.ok(commands.includes(`/etc/icf/${script}`), script)
    }
  })

  it('run the image of this version', () => {
    const { version } = JSON.parse(readFileSync(join(modules, '../package.json'), 'utf8')) as {
      version: string
    }
    assert.deepEqual(kustomization.images.map(({ name, newTag }) => [name, newTag]), [['icf', version]]) // prettier-ignore
    for (const set of statefulSets) for (const { image } of containersOf(set)) assert.equal(image, 'icf')
  })

  it('select the pods that there are', () => {
    for (const { metadata, spec } of statefulSets) {
      const { labels } = spec!.template.metadata!
      assert.deepEqual(spec!.selector.matchLabels, labels)
      const service = services.find((one) => one.metadata!.name === spec!.serviceName)!
      assert.deepEqual(service.spec!.selector, labels)
      const budget = budgets.find((one) => one.metadata!.name === metadata!.name)!
      assert.deepEqual(budget.spec!.selector!.matchLabels, labels)
      assert.equal(budget.spec!.maxUnavailable, 1)
      for (const { labelSelector } of spec!.template.spec!.topologySpreadConstraints!)
        assert.deepEqual(labelSelector!.matchLabels, labels)
    }
    assert.equal(services.length, statefulSets.length)
    assert.equal(budgets.length, statefulSets.length)
  })

  it('lead to ports that there are', () => {
    for (const set of statefulSets) {
      const main = mainOf(set)
      const byName = new Map(main.ports!.map(({ name, containerPort }) => [name, containerPort]))
      const { spec } = services.find(({ metadata }) => metadata!.name === set.spec!.serviceName)!
      assert.deepEqual(new Map(spec!.ports!.map(({ name, port }) => [name, port])), byName)
      for (const probe of probesOf(main)) {
        const port = probe.httpGet?.port ?? probe.tcpSocket?.port
        assert.ok(port === undefined ? probe.exec : byName.has(port as string))
      }
      const listened = ['ICF_PORT', 'ICF_HTTP_PORT'].flatMap((name) => valueOf(main, name) ?? [])
      assert.deepEqual(listened, [...byName.values()].map(String))
    }
  })

  it('set only what icf knows', async () => {
    for (const [name, command] of [
      ['icf-master', 'master'],
      ['icf-cache', 'cache'],
    ] as const) {
      const { stdout } = await runIcf([command, '--help'])
      const known = new Set(stdout.match(/ICF_[A-Z_]+/g))
      for (const variable of mainOf(statefulSet(name)).env!)
        if (!/^POD_|^NODE_OPTIONS$/.test(variable.name)) assert.ok(known.has(variable.name), variable.name)
    }
  })

  it('name every master, and nothing else, wherever masters are named', () => {
    const { spec } = statefulSet('icf-master')
    const all = Array.from(
      { length: spec!.replicas! },
      (_, n) => `icf-master-${n}.${spec!.serviceName}.$(POD_NAMESPACE).svc:7000`,
    ).join(',')
    assert.equal(valueOf(mainOf(statefulSet('icf-master')), 'ICF_PEERS'), all)
    assert.equal(valueOf(mainOf(statefulSet('icf-cache')), 'ICF_MASTERS'), all)
  })

  it('leave a cache server the memory that it may take', () => {
    const main = mainOf(statefulSet('icf-cache'))
    const mostMib = 1024 * Number(/^(\d+)gb$/.exec(valueOf(main, 'ICF_MAX_MEMORY')!)![1])
    const [, heapMib] = /--max-old-space-size=(\d+)/.exec(valueOf(main, 'NODE_OPTIONS')!)!
    const { limits, requests } = main.resources!
    assert.equal(requests!['memory'], limits!['memory'])
    assert.ok(Number(heapMib) >= mostMib)
    assert.ok(bytesOf(limits!['memory']!) >= (1.2 * mostMib + 128 + 64) * MIB)
  })

  it('give no container any privilege', () => {
    for (const set of statefulSets) {
      const { securityContext, automountServiceAccountToken, enableServiceLinks } = podOf(set)
      assert.deepEqual([securityContext!.runAsNonRoot, securityContext!.runAsUser], [true, 10_001])
      assert.equal(securityContext!.seccompProfile!.type, 'RuntimeDefault')
      assert.deepEqual([automountServiceAccountToken, enableServiceLinks], [false, false])
      for (const container of containersOf(set))
        assert.deepEqual(container.securityContext, {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        })
    }
  })

  it('mount what there is', () => {
    for (const set of statefulSets) {
      const claims = (set.spec!.volumeClaimTemplates ?? []).map(({ metadata }) => metadata!.name)
      const there = [...claims, ...(podOf(set).volumes ?? []).map(({ name }) => name)]
      const mounted = containersOf(set).flatMap(({ volumeMounts = [] }) =>
        volumeMounts.map(({ name }) => name),
      )
      assert.deepEqual(new Set(mounted), new Set(there))
    }
  })
})

function containersOf(set: StatefulSet): Container[] {
  const { initContainers = [], containers } = podOf(set)
  return [...initContainers, ...containers]
}

function probesOf({ startupProbe, livenessProbe, readinessProbe }: Container): Probe[] {
  return [startupProbe, livenessProbe, readinessProbe].filter((probe) => probe !== undefined)
}

function valueOf({ env }: Container, name: string): string | undefined {
  return env!.find((variable) => variable.name === name)?.value
}

function bytesOf(text: string): number {
  return Number(/^(\d+)Mi$/.exec(text)![1]) * MIB
}
