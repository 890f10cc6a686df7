// Joins the parts of the page: the form makes a video, the stage shows and follows it, the gallery keeps all of
// them, and films that somebody has already are put into words.
import { ApiError, capabilities, prepareToken } from './api.js';
import { fillFrom, offerModels, showEstimateSoon, startComposer } from './composer.js';
import { element } from './dom.js';
import { refreshFilms, startFilms } from './films.js';
import * as gallery from './gallery.js';
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

/** @param {import('./api.js').Video} video @param {boolean} focus */
function choose(video, focus) {
  stage.show(video, { focus });
  gallery.markChosen(video.id);
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
gallery.startGallery({ onChoose: (video) => choose(video, true), guarded });
element('notice-retry', HTMLButtonElement).addEventListener('click', () => void guarded(start));
void guarded(start);
