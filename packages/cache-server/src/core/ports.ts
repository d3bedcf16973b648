import type { Message } from '@icf/common'

/** What the core needs of an open link. In production a Link of @icf/common/node, in the simulator a virtual one. */
export interface LinkPort {
  send(message: Message): void
  /** Sends a long value ahead; `ready` gets what stands for it in a message on the same link. Not called when the link breaks first. */
  stage(bytes: Uint8Array, ready: (staged: object) => void): void
}
