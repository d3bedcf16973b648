import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'

/** Answers for the nodes of a cluster as its API server does, at 127.0.0.1. */
export interface FakeApiServer {
  readonly port: number
  /** Of its own making: whoever trusts it, trusts this server. */
  readonly certificate: string
  readonly token: string
  close(): Promise<void>
}

/** @param zones of nodes by their names; undefined: a node that has none */
export async function startFakeApiServer(
  zones: Readonly<Record<string, string | undefined>>,
): Promise<FakeApiServer> {
  const server = createServer({ key: KEY, cert: CERTIFICATE }, (request, response) => {
    const answer = (status: number, body: object): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    }
    if (request.headers.authorization !== `Bearer ${TOKEN}`) return answer(401, { message: 'Unauthorized' })
    const name = request.url!.replace('/api/v1/nodes/', '')
    if (!Object.hasOwn(zones, name)) return answer(404, { message: `nodes "${name}" not found` })
    const zone = zones[name]
    const labels = { 'kubernetes.io/os': 'linux', ...(zone && { 'topology.kubernetes.io/zone': zone }) }
    answer(200, { kind: 'Node', apiVersion: 'v1', metadata: { name, labels } })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    certificate: CERTIFICATE,
    token: TOKEN,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

const TOKEN = 'of-the-service-account'

/** For 127.0.0.1, from 2020 to 2120. It guards nothing. */
const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg7uXvRRYkOwTiTxdr
w28Fa2dkeIOGRJ43LaR6WAw7qr6hRANCAATkMLWLhmvyX4SgeH7RvThbOdLVWDlA
rMzo2hDxw+y+EzyMWzelWI1XrllBPXFh4+4U0gJs+93MxAK8ybTYkNge
-----END PRIVATE KEY-----`

const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBWjCCAQCgAwIBAgIBATAKBggqhkjOPQQDAjATMREwDwYDVQQDDAhpY2YgdGVz
dDAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowEzERMA8GA1UEAwwI
aWNmIHRlc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATkMLWLhmvyX4SgeH7R
vThbOdLVWDlArMzo2hDxw+y+EzyMWzelWI1XrllBPXFh4+4U0gJs+93MxAK8ybTY
kNgeo0MwQTAPBgNVHRMBAf8EBTADAQH/MA8GA1UdEQQIMAaHBH8AAAEwHQYDVR0O
BBYEFO3be6dvvoZvwFYkV3wI3MerO1rsMAoGCCqGSM49BAMCA0gAMEUCIQCj36jN
+l+m3rSb46dlrsBVCAOayTTk4kNDR2M1Wp5uWgIgVC8aQCiqCMCzgQf/LOwL2cMa
58z+nN8yTJgSds5yBNw=
-----END CERTIFICATE-----`
