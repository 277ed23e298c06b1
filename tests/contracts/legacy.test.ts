import { startLegacySide } from '../support/sides.ts';
import { describeProduct } from './product.contract.ts';

describeProduct(startLegacySide);
