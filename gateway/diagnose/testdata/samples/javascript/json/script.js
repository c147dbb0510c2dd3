JSON.parse('{"a": '); // HERE
