// What can go wrong, for the programs around the stories (cli/, server/), which know nothing of graph/.
export { InvalidRequestError, JobFailedError, ModelFileError, TesseraError } from '../graph/errors.ts';
