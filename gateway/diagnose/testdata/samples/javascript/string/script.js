console.error(new Error('only shown').stack);
throw 'a text'; // HERE
