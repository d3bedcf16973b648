import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { StatefulSet } from 'kubernetes-types/apps/v1.js'
import type { Container, PodSpec, Service } from 'kubernetes-types/core/v1.js'
import type { PodDisruptionBudget } from 'kubernetes-types/policy/v1.js'
import { parse, parseAllDocuments } from 'yaml'

/** Where the manifests are, and the scripts that their ConfigMap is made of. */
export const folder = fileURLToPath(new URL('../../../../deploy/kubernetes/', import.meta.url))

export interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string }
}

interface Kustomization {
  readonly namespace: string
  readonly resources: readonly string[]
  readonly configMapGenerator: readonly { readonly name: string; readonly files: readonly string[] }[]
  readonly images: readonly { readonly name: string; readonly newTag: string }[]
}

export const kustomization = parse(readFileSync(join(folder, 'kustomization.yaml'), 'utf8')) as Kustomization

/** Every YAML file but the kustomization. */
export const files = readdirSync(folder).filter(
  (file) => file.endsWith('.yaml') && file !== 'kustomization.yaml',
)

export const manifests: readonly Manifest[] = files.flatMap((file) =>
  parseAllDocuments(readFileSync(join(folder, file), 'utf8')).map((document) => {
    const [error] = document.errors
    if (error) throw error
    return document.toJS() as Manifest
  }),
)

function ofKind<T>(kind: string): T[] {
  return manifests.filter((manifest) => manifest.kind === kind) as unknown as T[]
}

export const services = ofKind<Service>('Service')
export const budgets = ofKind<PodDisruptionBudget>('PodDisruptionBudget')
export const statefulSets = ofKind<StatefulSet>('StatefulSet')

export function statefulSet(name: string): StatefulSet {
  return statefulSets.find(({ metadata }) => metadata!.name === name)!
}

export function podOf(set: StatefulSet): PodSpec {
  return set.spec!.template.spec!
}

/** The one that runs icf. */
export function mainOf(set: StatefulSet): Container {
  return podOf(set).containers[0]!
}
