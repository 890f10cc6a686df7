// Asks for the server's token in a dialog, and what goes on when nobody gives it.
import { ApiError, forgetToken, hasToken, onTokenWanted } from './api.js';
import { element, tellError } from './dom.js';

const dialog = element('token-dialog', HTMLDialogElement);
const field = element('token', HTMLInputElement);
const forget = element('forget', HTMLButtonElement);

/** @param {() => void} restart begins anew once the token was forgotten */
export function startTokenDialog(restart) {
  onTokenWanted(ask);
  element('token-later', HTMLButtonElement).addEventListener('click', () => dialog.close());
  forget.addEventListener('click', () => {
    forgetToken();
    forget.hidden = true;
    restart();
  });
}

/** @param {'missing' | 'wrong'} why @returns {Promise<string>} */
function ask(why) {
  field.value = '';
  tellError('token', why === 'wrong' ? 'This is not the token of this server.' : '');
  dialog.showModal();
  field.focus();
  return new Promise((resolve, reject) => {
    const ended = new AbortController();
    const { signal } = ended;
    element('token-form', HTMLFormElement).addEventListener('submit', take, { signal });
    dialog.addEventListener('close', leave, { signal });

    /** @param {Event} event */
    function take(event) {
      event.preventDefault();
      const token = field.value.trim();
      // A header takes nothing else, and no token has it.
      if (!/^[\x21-\x7e]+$/.test(token))
        return tellError('token', 'Enter the token: letters, digits and signs without spaces.');
      ended.abort();
      dialog.close();
      resolve(token);
    }
    function leave() {
      ended.abort();
      reject(new ApiError(401, 'This server wants a token. Without it nothing can be shown.'));
    }
  });
}

/** Offers to forget a token where there is one. */
export const showToken = () => void (forget.hidden = !hasToken());
