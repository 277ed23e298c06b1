import { startNewSide } from '../support/sides.ts';
import { describeProduct } from './product.contract.ts';

describeProduct(startNewSide);
