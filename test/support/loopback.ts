/**
 * On Linux all of 127.0.0.0/8 is this machine. Each caller gets a network of its own in it, `127.A.B.`, so that several
 * processes, and several tests, can listen on one port.
 */
export function loopbackNetwork(): string {
  const part = (): number => 1 + Math.floor(Math.random() * 254)
  return `127.${part()}.${part()}.`
}
