/** All that vehicle.js takes of node. */
declare const process: { argv: string[] };
