// Joins the parts of the page: the form makes a video, the stage shows and follows it, the gallery keeps all of
// them, films that somebody has already are put into words, and shots of all are found.
import { ApiError, capabilities, filmOf, prepareToken, videoOf } from './api.js';
import { fillFrom, offerModels, showEstimateSoon, startComposer } from './composer.js';
import { element } from './dom.js';
import { refreshFilms, showFilm, startFilms } from './films.js';
import * as gallery from './gallery.js';
import { startShots } from './shots.js';
import * as stage from './stage.js';
import { showToken, startTokenDialog } from './token.js';

const notice = element('notice', HTMLDivElement);

/** Does some work; when it fails, says so, and offers to try again. @param {() => Promise<void>} work */
async function guarded(work) {
  try {
    await work();
    notice.hidden = true;
  } catch (error) {
    tellTrouble(error);
  }
}

/** @param {unknown} error */
function tellTrouble(error) {
  if (!(error instanceof ApiError)) throw error;
  element('notice-text', HTMLParagraphElement).textContent = error.message;
  notice.hidden = false;
}

async function start() {
  await prepareToken();
  const { models, expanders } = await capabilities();
  if (models.length === 0) throw new ApiError(0, 'There is no model here. Put one into a folder of TESSERA_MODELS.');
  showToken();
  offerModels(models, expanders);
  const [latest] = await gallery.refresh();
  if (latest !== undefined && stage.shownId() === undefined) choose(latest, false);
  await refreshFilms();
}

/** @param {import('./api.js').Video} video @param {boolean} focus @param {number} [seconds] where to begin */
function choose(video, focus, seconds) {
  stage.show(video, { focus, seconds });
  gallery.markChosen(video.id);
}

/** Shows what a shot is of, from there on. @param {import('./api.js').Shot} shot */
async function open({ video, captions, start }) {
  if (video !== null) choose(await videoOf(video), true, start);
  else if (captions !== null) await showFilm(await filmOf(captions), start);
}

startTokenDialog(() => location.reload());
startComposer({
  onMade: (video) => {
    choose(video, true);
    gallery.toFirstPage();
    void guarded(async () => void (await gallery.refresh()));
  },
});
stage.startStage({
  onChange: (video) => {
    gallery.update(video);
    if (video.status === 'completed') showEstimateSoon(); // it knows more now
  },
  onRemoved: () => {
    showEstimateSoon();
    element('gallery-title', HTMLHeadingElement).focus({ preventScroll: true });
    void guarded(async () => void (await gallery.refresh()));
  },
  onReuse: fillFrom,
  onTrouble: tellTrouble,
});
startFilms({ guarded });
startShots({ onOpen: (shot) => void guarded(() => open(shot)), guarded });
gallery.startGallery({ onChoose: (video) => choose(video, true), guarded });
element('notice-retry', HTMLButtonElement).addEventListener('click', () => void guarded(start));
void guarded(start);
