import type { Message } from '@icf/common'

/** What the core needs of an open link. In production a Link of @icf/common/node, in the simulator a virtual one. */
export interface LinkPort {
  send(message: Message): void
  /** A message of the data path, as its frame: it must not change until it is sent. */
  sendData(frame: Buffer): void
  /** Sends a long value ahead; `ready` gets the id by which a frame on the same link names it. Not called when the link breaks first. */
  stage(bytes: Uint8Array, ready: (staged: { readonly id: number }) => void): void
}
