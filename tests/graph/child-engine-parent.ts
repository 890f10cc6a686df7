// A program with a child engine, started by child-engine.test.ts: it says the child's process id, then runs without end
// ('endless') or has nothing more to do ('idle').
import { childEngine } from '../../graph/child-engine.ts';
import { endless, endlessFeeds } from './endless.ts';

const engine = await childEngine({ threads: 1 });
const session = await engine.open(endless);
const said = new Promise((resolve) => process.send!(engine.pid, resolve));
if (process.argv[2] === 'endless') await session.run(endlessFeeds);
await said;
process.disconnect();
