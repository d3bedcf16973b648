import { replay } from './replay.js'
import { readStory, stories, writeStory } from './stories.js'

/** `npm run scenarios`: writes anew what comes of the commands in test/scenarios/. The difference wants to be read. */
for (const name of stories) writeStory(name, await replay(readStory(name)))
