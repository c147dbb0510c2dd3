const inner = new Error('inner');
const e = new Error('outer', { cause: inner }); // HERE
e.code = 'E_OUTER';
throw e;
