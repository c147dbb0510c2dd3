use std::thread;

fn main() {
    let t = thread::spawn(|| {
        panic!("first\nsecond"); // HERE
    });
    t.join().expect("the thread ended"); // HERE
}
