import { MessageType, type Message } from '@icf/common'
import type { VirtualProcess } from '../virtual/process.js'
import type { Names } from '../words/names.js'

/** Processes are called by their machines, where each is alone, and epochs counted from 1: as both are met. */
export class StoryNames implements Names {
  readonly #ids = new Map<string, string>()
  readonly #epochs = new Map<number, number>()

  /** A process introduces itself: with another id than before it is a new member, and gets a stroke. */
  heard(from: VirtualProcess, message: Message): void {
    if (message[0] !== MessageType.HELLO && message[0] !== MessageType.WELCOME) return
    const id = message[4] as string
    if (id === '' || this.#ids.has(id)) return
    let name = this.of(from)
    while ([...this.#ids.values()].includes(name)) name += '′'
    this.#ids.set(id, name)
  }

  of({ name, machine }: VirtualProcess): string {
    return name.startsWith('client') ? 'client' : machine
  }

  id(id: string): string {
    return id === '' ? '' : (this.#ids.get(id) ?? id.slice(0, 6))
  }

  /** This one is the first, from now on. */
  countEpochsFrom(epoch: number): void {
    this.#epochs.clear()
    for (const each of [0, epoch]) this.epoch(each)
  }

  epoch(epoch: number): string {
    if (!this.#epochs.has(epoch)) this.#epochs.set(epoch, this.#epochs.size)
    return `e${this.#epochs.get(epoch)}`
  }
}
