// zone.mjs CREDENTIALS FILE: writes the zone of this pod's node to FILE, nothing where the node has none. Any failure ends it with
// 1: a server without its zone among others that have one would get copies that belong elsewhere.
import { readFileSync, writeFileSync } from 'node:fs'
import { get } from 'node:https'
import { join } from 'node:path'

const LABEL = 'topology.kubernetes.io/zone'
const TIMEOUT_MS = 10_000

const [credentials, file] = process.argv.slice(2)
const { NODE_NAME, KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT } = process.env

function readNode() {
  return new Promise((resolve, reject) => {
    const request = get({
      host: KUBERNETES_SERVICE_HOST,
      port: KUBERNETES_SERVICE_PORT,
      path: `/api/v1/nodes/${encodeURIComponent(NODE_NAME)}`,
      ca: readFileSync(join(credentials, 'ca.crt')),
      headers: { authorization: `Bearer ${readFileSync(join(credentials, 'token'), 'utf8').trim()}` },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    request.on('error', reject)
    request.on('response', (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part) => (text += part))
      response.on('error', reject)
      response.on('end', () => {
        if (response.statusCode === 200) resolve(JSON.parse(text))
        else reject(new Error(`the API server answers ${response.statusCode}: ${text}`))
      })
    })
  })
}

try {
  const { metadata } = await readNode()
  const zone = metadata.labels?.[LABEL] ?? ''
  writeFileSync(file, zone)
  console.log(zone === '' ? `node ${NODE_NAME} has no zone` : `node ${NODE_NAME} is in zone ${zone}`)
} catch (error) {
  console.error(`can not look up the zone of node ${NODE_NAME}: ${error.message}`)
  process.exitCode = 1
}
