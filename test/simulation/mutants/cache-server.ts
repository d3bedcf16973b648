import type { Mutant } from './mutant.js'

const CORE = 'packages/cache-server/dist/core'

export const cacheServerMutants: readonly Mutant[] = [
  // --- who may serve
  {
    name: 'serves-without-lease',
    file: `${CORE}/command-runner.js`,
    find: `if (this.now >= this.lease.until)`,
    replace: `if (false)`,
    breaks: 'invariant 3: a server serves only while its lease runs',
    // A client has to ask a server that was replaced before it hears of the one in its place.
    seeds: 1000,
  },
  {
    name: 'lease-from-the-answer',
    file: `${CORE}/cache-server-core.js`,
    find: `if (this.lease.answered(readLease(message)))`,
    replace: `if (this.lease.answered(readLease(message)) && this.lease.answered(this.lease.beat(now)))`,
    breaks: 'invariant 1: the lease is counted from when the answered heartbeat was sent',
    // A server has to stop right after it sent a heartbeat, for long enough, and then not to be heard.
    seeds: 800,
  },
  {
    name: 'renews-an-ended-lease',
    file: `${CORE}/lease.js`,
    find: `now < this.#until && this.#renew(at)`,
    replace: `this.#renew(at)`,
    breaks: 'invariant 1: once a lease is over, only a master renews it',
    // The master has to die while a server whose lease is over has been replaced.
    test: `${CORE}/lease.test.js`,
  },
  {
    name: 'serves-late-frames',
    file: `${CORE}/command-runner.js`,
    find: `return version < this.slots.primarySince[slot];`,
    replace: `return false;`,
    breaks: 'what was sent by a topology older than the one that made the server the primary is refused',
    // A write has to be late while its slot moves away and back, and its key is written again.
    seeds: 3000,
  },
  {
    name: 'fencing-ignored',
    file: 'packages/cache-server/dist/shell/incarnation.js',
    find: `if (error.code === 'FENCED')`,
    replace: `if (false)`,
    breaks: 'who was declared dead drops its data and joins as a new member',
  },
  {
    name: 'server-goes-back',
    file: `${CORE}/cache-server-core.js`,
    find: `if (!isNewer(topology, slots.topology))`,
    replace: `if (topology === slots.topology)`,
    breaks: 'invariant 5: nobody follows an older topology',
  },
  {
    name: 'server-fenced-by-version-alone',
    file: `${CORE}/cache-server-core.js`,
    find: `if (!isNewer(topology, slots.topology))`,
    replace: `if (topology.version <= slots.topology.version)`,
    breaks: 'invariant 5: topologies are ordered by epoch, then by version',
    // Versions rise through all terms, unless a state is lost for good.
    test: `${CORE}/safety.test.js`,
  },

  // --- what backups take
  {
    name: 'backup-keeps-what-is-removed',
    file: `${CORE}/replica-intake.js`,
    find: `this.store.remove(slot, key);`,
    replace: ``,
    breaks: 'a backup has what its primary has, and nothing else: audits compare them while writes go on',
  },
  {
    name: 'backup-does-not-wait-for-the-topology',
    file: `${CORE}/replica-intake.js`,
    find: `if (this.#isAhead(header) || sender.waiting.length > 0) {`,
    replace: `if (false) {`,
    breaks: 'a backup that is behind asks for the topology before it answers',
  },
  {
    name: 'backup-takes-from-anybody',
    file: `${CORE}/replica-intake.js`,
    find: `return isPrimary && held[slot] >= Held.BACKUP && this.#version >= copySince[slot];`,
    replace: `return held[slot] >= Held.BACKUP;`,
    breaks: 'a primary that was replaced without noticing can not acknowledge anything',
    // A batch has to be late until its receiver has a copy of another primary.
    seeds: 1000,
  },
  {
    name: 'backup-takes-what-is-about-another-copy',
    file: `${CORE}/replica-intake.js`,
    find: ` && this.#version >= copySince[slot];
    }
    /** Whether our topology wants this copy of the slot. */
    #isWanted(slot, since) {
        return (this.slots.held[slot] === Held.INCOMING && this.slots.topology.transitions.get(slot)?.since === since);`,
    replace: `;
    }
    /** Whether our topology wants this copy of the slot. */
    #isWanted(slot, since) {
        return (this.slots.held[slot] === Held.INCOMING);`,
    breaks: 'what was held up while the copy went elsewhere and came back is refused by its version',
    // A primary has to be replaced for its silence, stay a member for what only it has, and have the slot back before a batch of
    // its comes: on three machines, with writes under way.
    seeds: 3000,
  },
  {
    name: 'batches-applied-twice',
    file: `${CORE}/replica-intake.js`,
    find: `const isNew = number > sender.lastStored;`,
    replace: `const isNew = true;`,
    breaks: 'batches are sent again after a reconnect, each is applied exactly once',
  },
  {
    name: 'batches-not-sent-again',
    file: `${CORE}/replica-channel.js`,
    find: `this.#port = port;
        this.#sent = 0;`,
    replace: `this.#port = port;
        this.#sent = this.#inFlight.length;`,
    breaks: 'batches are kept and sent again when a connection between two servers broke',
  },
  {
    name: 'acknowledgements-let-nothing-go',
    file: `${CORE}/replica-channel.js`,
    find: `acknowledge(number, done, refused) {
        this.#unpace();`,
    replace: `acknowledge(number, done, refused) {`,
    breaks: 'writes that wait for an acknowledgement leave with the next one',
    // They have to be the last ones to that backup.
    seeds: 1000,
  },
  {
    name: 'never-expires-on-copies',
    file: `${CORE}/replica-channel.js`,
    find: `return expiresAt === 0 ? 0 : Math.max(1, Math.ceil(expiresAt - this.#now));`,
    replace: `return 0;`,
    breaks: 'invariant 4: what expires is gone soon after, also after a failover',
  },

  {
    name: 'gaps-not-noticed',
    file: `${CORE}/slot-table.js`,
    find: `if (seq === this.seq[slot] + 1)`,
    replace: `if (true)`,
    breaks: 'the sequence number of each write of a slot is checked',
    // A gap should never be, and none is as long as nothing else is wrong.
    test: `${CORE}/replica-intake.test.js`,
  },

  // --- when a write is acknowledged
  {
    name: 'answers-before-the-backup-has-it',
    file: `${CORE}/writer.js`,
    find: `// First, and so first on the copies`,
    replace: `ackPrimary = true;
        // First, and so first on the copies`,
    breaks: 'an acknowledged write has two copies',
  },
  {
    name: 'removal-answered-before-the-backup-has-it',
    file: `${CORE}/writer.js`,
    find: `const write = new PendingWrite(slot, key, false, client, id, true);
        if (!this.#tellCopies`,
    replace: `const write = new PendingWrite(slot, key, false, undefined, id, true);
        client?.reply(id, true);
        if (!this.#tellCopies`,
    breaks: 'an acknowledged write has two copies',
  },
  {
    name: 'refused-counts-as-stored',
    file: `${CORE}/cache-server-core.js`,
    find: `if (refused.length === 0)`,
    replace: `if (true)`,
    breaks: 'a write is answered when every copy has stored it',
    // A batch has to be late until others have taken over, and its client not to know of that.
    seeds: 3000,
  },
  {
    name: 'writes-of-a-lost-copy-wait-for-nobody',
    file: `${CORE}/write-ledger.js`,
    find: `if (target && write.isMissingOnce)`,
    replace: `if (false)`,
    breaks: 'invariant 13: what waited for a copy that is none any more waits for the one in its place',
    seeds: 1000,
  },
  {
    name: 'live-writes-pass-the-new-copy-by',
    file: `${CORE}/writer.js`,
    find: `copy?.put(entry, now, write, client.origin, number);`,
    replace: `;`,
    breaks: 'a copy under way misses nothing',
  },
  {
    name: 'live-removals-pass-the-new-copy-by',
    file: `${CORE}/writer.js`,
    find: `copy?.remove(slot, seq, key, write, origin, number);`,
    replace: `;`,
    breaks: 'a copy under way misses nothing: a deleted key can not come back by a copy',
  },
  {
    name: 'read-does-not-wait-for-the-write',
    file: 'packages/cache-server/dist/commands/command.js',
    find: `: context.store.pendingAt(handle);`,
    replace: `: undefined;`,
    breaks: 'a read shows nothing that a failover could take back',
    // The primary has to die before the backup has what was read, and be asked again before the writer repeats it.
    seeds: 1000,
  },
  {
    name: 'miss-does-not-wait-for-the-removal',
    file: 'packages/cache-server/dist/commands/command.js',
    find: `? context.writer.removalOf(slot, key) :`,
    replace: `? undefined :`,
    breaks: 'a read that finds nothing because of a delete waits for it',
    // The primary has to die after somebody saw a delete that the backup lacks, and be asked again before that is repeated.
    test: `${CORE}/cache-server-core.test.js`,
  },
  {
    name: 'repetition-carried-out-again',
    file: `${CORE}/command-runner.js`,
    find: `else if (isRepeat && `,
    replace: `else if (false && `,
    breaks: 'a write is carried out once',
  },
  {
    name: 'repetition-answered-too-soon',
    file: `${CORE}/writer.js`,
    find: `if (!backup && !copy)
            return write.answer();`,
    replace: `if (true)
            return write.answer();`,
    breaks: 'a repetition is answered when the first attempt is safe',
    // A client has to say a write again while it is not safe, and its server to die then.
    seeds: 2000,
  },
  {
    name: 'history-not-told-with-the-write',
    file: `${CORE}/replica-intake.js`,
    find: `this.store.history.note(entry.slot, this.#origin, operation.number);`,
    replace: `;`,
    breaks: 'the primary tells its copies the number of each write: whoever owns the slot knows a repetition',
    // Several rare things have to come together.
    seeds: 3000,
  },
  {
    name: 'history-not-copied',
    file: `${CORE}/wanted-copies.js`,
    find: `this.#written.get(slot) ?? []`,
    replace: `[]`,
    breaks: 'copies that are begun later know the numbers, too',
    // A link has to break between a write and its answer, and its slot to move before the repetition.
    seeds: 1000,
  },

  // --- moving and evicting
  {
    name: 'reports-without-parking',
    file: `${CORE}/copier.js`,
    find: `this.slots.park(task.slot);`,
    replace: `;`,
    breaks: 'invariant 1: the old primary parks the slot before it reports',
  },
  {
    name: 'reports-without-draining',
    file: `${CORE}/copier.js`,
    find: `if (this.ports.isDrained(task.slot))`,
    replace: `if (true)`,
    breaks: 'the new primary has all that the old one was answering',
    // A slot has to be handed over while its backup is late.
    seeds: 1000,
  },
  {
    name: 'parked-slot-served',
    file: `${CORE}/command-runner.js`,
    find: `if (serving === Serving.PARKED)
            return slot;`,
    replace: `if (serving === Serving.PARKED)
            return undefined;`,
    breaks: 'invariant 3: a slot whose move may be in effect is not served',
    // A command has to come in the few milliseconds for which a slot is parked.
    seeds: 1000,
  },
  {
    name: 'unparks-by-any-topology',
    file: `${CORE}/apply-topology.js`,
    find: `for (const slot of changedSlots(before, next)) {`,
    replace: `slots.serving.forEach((serving, slot) => {
        if (serving === Serving.PARKED) { slots.unpark(slot); effects.released.push(slot); }
    });
    for (const slot of changedSlots(before, next)) {`,
    breaks: 'a parked slot is taken up again only by a topology that has no such transition',
  },
  {
    name: 'unparks-what-was-reported',
    file: `${CORE}/copier.js`,
    find: `if (task.intent !== 'primary' || task.isSent)`,
    replace: `if (task.intent !== 'primary')`,
    breaks: 'whether a master committed what it had been told only a master can tell',
    // The master has to die between a commit by which slots are handed over and its publication.
    seeds: 1000,
  },
  {
    name: 'waiting-commands-forgotten',
    file: `${CORE}/cache-server-core.js`,
    find: `for (const slot of effects.released)
            this.runner.releaseSlot(slot);`,
    replace: ``,
    breaks: 'moving slots causes neither a miss nor an error',
    // A command has to wait for a move that is called off.
    seeds: 1000,
  },
  {
    name: 'copies-pass-one-that-has-begun',
    file: `${CORE}/copy-queue.js`,
    find: `const slot = (this.#current ??= this.#next());
            if (slot === undefined || !copy(slot))
                return;
            this.#current = undefined;`,
    replace: `const [hurried] = this.#awaited;
            const slot = hurried ?? (this.#current ??= this.#next());
            if (slot === undefined || !copy(slot))
                return;
            if (hurried === undefined)
                this.#current = undefined;
            this.#awaited.delete(slot);`,
    breaks: 'invariant 9: copies come to their end: a long value is not kept back for good',
    // A write has to come to a slot with a long entry while that of another one has gone ahead.
    seeds: 3000,
  },
  {
    name: 'copy-begun-but-not-ended',
    file: `${CORE}/slot-stream.js`,
    find: `const entry = store.peek(slot, next.value);`,
    replace: `const entry = this.entries > 0 ? undefined : store.peek(slot, next.value);`,
    breaks: 'invariant 2: a backup holds what its primary holds',
  },
  {
    name: 'copies-what-was-there-at-first',
    file: `${CORE}/slot-stream.js`,
    find: `this.#keys ??= store.keysOf(slot)[Symbol.iterator]();
        for (let next = this.#keys.next(); !next.done; next = this.#keys.next()) {
            const entry = store.peek(slot, next.value);`,
    replace: `this.#keys ??= [...store.keysOf(slot)].map((key) => store.peek(slot, key)).values();
        for (let next = this.#keys.next(); !next.done; next = this.#keys.next()) {
            const entry = next.value;`,
    breaks: 'an entry is read when it is put into the channel: a deleted key can not come back by a copy',
    // A key has to be deleted while its slot, which has much in it, is being copied slowly.
    seeds: 1000,
  },
  {
    name: 'copies-a-long-entry-that-is-gone',
    file: `${CORE}/slot-stream.js`,
    find: `if (waiting && present?.value === waiting.value)
            return present;`,
    replace: `if (waiting)
            return waiting;`,
    breaks:
      'an entry is read when it is put into the channel: what was removed while its value went ahead is not',
    // Of the seeds in which many values are long, in one of sixteen.
    test: `${CORE}/long-writes.test.js`,
  },
  {
    name: 'parting-forgotten',
    file: `${CORE}/writer.js`,
    find: `if (removal || this.slots.parted[slot] === 0)`,
    replace: `if (true)`,
    breaks: 'invariant 3: what was found missing does not come back',
    // A backup has to evict by itself, become the primary, be asked for that very key, and die before the key is written again.
    test: `${CORE}/writer.test.js`,
  },
  {
    name: 'eviction-not-told',
    file: `${CORE}/writer.js`,
    find: `this.evictions++;
            this.removeFromCopies(slot, key);`,
    replace: `this.evictions++;`,
    breaks: 'invariant 2: the primary evicts for all copies',
  },
]
