const x = 1;
require('./nothing'); // HERE
