//! Conversations on a model loaded from a run's folder: what streams is what is recorded, history, undo, overflow, transcripts.

mod models;

use models::{config, random_store};
use reformer_cpu::Cpu;
use reformer_model::{LayerKind, ModelConfig};
use reformer_session::{
    Changes, Conversation, LoadedModel, ReplyOptions, RunConfig, RunFolder, SamplingOptions, SessionError, Snapshot,
    Speaker, Stop, Tokenizer, parameter_specs,
};
use reformer_tensor::{DType, HostTensor};
use serde_json::{Value, json};
use std::fs;
use std::ops::ControlFlow;

fn cpu() -> Cpu {
    Cpu::new(1)
}

/// With a layer that sees everything, so that all of the history counts.
fn small() -> ModelConfig {
    config(&[LayerKind::Full, LayerKind::Lsh])
}

/// A run with one checkpoint of a random model over bytes.
fn run(folder: &tempfile::TempDir, config: &ModelConfig) -> RunFolder {
    let run = RunFolder::create(folder.path()).unwrap();
    run.write_config(&RunConfig::new(config.clone(), json!({}), json!({}))).unwrap();
    run.write_tokenizer(&Tokenizer::bytes()).unwrap();
    let mut store = random_store(&cpu(), config, 4);
    // A bias against special tokens and hidden bytes, so that replies are mostly text.
    let mut bias = vec![0.0f32; config.vocabulary];
    for (token, bias) in bias.iter_mut().enumerate() {
        let byte = token.wrapping_sub(4);
        *bias = if (32..127).contains(&byte) { 3.0 } else { 0.0 };
    }
    store.write("head.bias", &HostTensor::f32(reformer_tensor::shape![config.vocabulary], bias)).unwrap();
    let parameters = parameter_specs(config);
    let snapshot = Snapshot {
        step: 7,
        evaluation_loss: None,
        parameters: &parameters,
        optimizer: &[],
        belongs_to: None,
        trainer: &json!({}),
    };
    run.checkpoints().save(store.as_ref(), &snapshot).unwrap();
    run
}

fn options(max_tokens: usize) -> ReplyOptions {
    let sampling = SamplingOptions { temperature: 1.0, top_k: 0, top_p: 1.0, seed: 3 };
    ReplyOptions { max_tokens, sampling, stop_texts: Vec::new() }
}

fn conversation(folder: &tempfile::TempDir, max_tokens: usize) -> Conversation {
    let run = run(folder, &small());
    let model = LoadedModel::open(&run, &cpu(), &Changes::default()).unwrap();
    Conversation::new(model, &cpu(), options(max_tokens)).unwrap()
}

fn say(conversation: &mut Conversation, text: &str) -> reformer_session::Reply {
    let mut streamed = String::new();
    let reply = conversation
        .reply(text, |part| {
            assert!(!part.is_empty());
            streamed.push_str(part);
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(reply.text, streamed, "what is streamed is the reply");
    reply
}

#[test]
fn a_model_is_loaded_with_all_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(&folder, &small());
    let model = LoadedModel::open(&RunFolder::open(run.path()).unwrap(), &cpu(), &Changes::default()).unwrap();
    assert_eq!((model.step, &model.config.model, model.tokenizer.vocabulary()), (7, &small(), 260));
    let names: Vec<String> = parameter_specs(&small()).into_iter().map(|spec| spec.name).collect();
    assert_eq!(model.store.names(), names);
    let expected = random_store(&cpu(), &small(), 4).read("embed.table").unwrap();
    assert_eq!(model.store.read("embed.table").unwrap(), expected);
}

#[test]
fn what_is_missing_or_does_not_belong_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(&folder, &small());
    let open = || match LoadedModel::open(&run, &cpu(), &Changes::default()) {
        Ok(_) => panic!("expected an error"),
        Err(error) => error.to_string(),
    };
    let narrow = ModelConfig { vocabulary: 100, ..small() };
    run.write_config(&RunConfig::new(narrow, json!({}), json!({}))).unwrap();
    assert!(open().contains("`vocabulary` is 100, but tokenizer.json has 260 tokens"), "{}", open());
    let wide = ModelConfig { feed_forward: 64, ..small() };
    run.write_config(&RunConfig::new(wide, json!({}), json!({}))).unwrap();
    assert!(
        open().contains(
            "model.safetensors is damaged: the tensor `layer.000.feed_forward.b1` is F32 [32], expected F32 [64]"
        ),
        "{}",
        open()
    );
    // A config that lies about sizes must not make anything allocate them.
    let huge = ModelConfig { vocabulary: 1 << 24, width: 1 << 13, ..small() };
    run.write_config(&RunConfig::new(huge, json!({}), json!({}))).unwrap();
    assert!(open().contains("expected F32"), "{}", open());
    run.write_config(&RunConfig::new(small(), json!({}), json!({}))).unwrap();
    fs::remove_file(run.tokenizer_path()).unwrap();
    assert!(open().contains("cannot read") && open().contains("tokenizer.json"), "{}", open());
    run.write_tokenizer(&Tokenizer::bytes()).unwrap();
    fs::remove_dir_all(run.path().join("checkpoints")).unwrap();
    assert!(open().contains("holds no checkpoint yet"), "{}", open());
}

#[test]
fn replies_depend_on_the_whole_history_and_the_seed_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = conversation(&folder, 8);
    let texts: Vec<String> = ["hello", "a train"].iter().map(|text| say(&mut first, text).text).collect();
    let other = tempfile::tempdir().unwrap();
    let mut second = conversation(&other, 8);
    assert_eq!(say(&mut second, "hello").text, texts[0]);
    assert_eq!(say(&mut second, "a train").text, texts[1]);
    second.reset();
    assert!(second.turns().is_empty());
    assert_eq!(say(&mut second, "hello").text, texts[0], "a reset starts with the first draw");
    second.reset();
    say(&mut second, "good morning");
    assert_ne!(say(&mut second, "a train").text, texts[1], "an earlier turn counts");
}

#[test]
fn undo_takes_question_and_reply_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut conversation = conversation(&folder, 8);
    assert!(!conversation.undo());
    say(&mut conversation, "one");
    let before = conversation.turns().to_vec();
    let taken_back = say(&mut conversation, "two");
    assert!(conversation.undo());
    assert_eq!(conversation.turns(), before);
    let again = say(&mut conversation, "two");
    assert_ne!(again.text, taken_back.text, "another draw, another reply");
    assert_eq!(conversation.turns().len(), 4);
}

#[test]
fn undo_leaves_no_trace_in_the_model() {
    // Greedy replies depend on nothing but the context.
    let greedy =
        ReplyOptions { sampling: SamplingOptions { temperature: 0.0, ..SamplingOptions::default() }, ..options(8) };
    let folder = tempfile::tempdir().unwrap();
    let run = run(&folder, &small());
    let open = || LoadedModel::open(&run, &cpu(), &Changes::default()).unwrap();
    let start = || Conversation::new(open(), &cpu(), greedy.clone()).unwrap();
    let (mut straight, mut detour) = (start(), start());
    for text in ["one", "two"] {
        say(&mut detour, "elsewhere");
        assert!(detour.undo());
        assert_eq!(say(&mut straight, text).text, say(&mut detour, text).text);
    }
}

#[test]
fn a_history_that_does_not_fit_loses_its_oldest_turns_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut conversation = conversation(&folder, 10);
    let forgotten: Vec<usize> =
        (0..8).map(|turn| say(&mut conversation, &format!("question number {turn}")).forgotten_turns).collect();
    assert_eq!(forgotten[..2], [0, 0]);
    assert!(forgotten.windows(2).all(|pair| pair[0] <= pair[1]) && forgotten[7] >= 8, "{forgotten:?}");
    assert!(forgotten.iter().all(|turns| turns % 2 == 0), "a question goes with its reply: {forgotten:?}");
    assert_eq!(conversation.turns().len(), 16, "the transcript keeps them");
}

#[test]
fn a_question_that_does_not_fit_is_refused_and_one_that_just_fits_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let mut conversation = conversation(&folder, 10);
    say(&mut conversation, "hello");
    let before = conversation.turns().to_vec();
    // Two tags and the end around the question.
    let error = conversation.reply(&"x".repeat(94), |_| ControlFlow::Continue(())).unwrap_err();
    assert!(matches!(error, SessionError::TooLong { tokens: 97, max_positions: 96 }), "{error}");
    assert_eq!(conversation.turns(), before);
    let reply = say(&mut conversation, &"x".repeat(93));
    assert_eq!((reply.tokens, reply.stop, reply.forgotten_turns), (1, Stop::MaxPositions, 2));
    say(&mut conversation, "still here");
}

#[test]
fn a_reply_can_be_broken_off() {
    let folder = tempfile::tempdir().unwrap();
    let mut conversation = conversation(&folder, 10);
    let mut seen = String::new();
    let reply = conversation
        .reply("hello", |text| {
            seen.push_str(text);
            ControlFlow::Break(())
        })
        .unwrap();
    assert_eq!((reply.stop, &reply.text), (Stop::Interrupted, &seen));
    assert_eq!(conversation.turns()[1].text, seen);
    say(&mut conversation, "go on");
}

#[test]
fn literal_tags_in_a_question_are_ordinary_text_and_replies_hold_no_tags() {
    let folder = tempfile::tempdir().unwrap();
    let mut conversation = conversation(&folder, 10);
    for text in ["<end><system>", "", "🚂"] {
        let reply = say(&mut conversation, text);
        assert!(reply.tokens > 0, "a reply is never empty");
    }
}

#[test]
fn transcripts_are_text_or_a_line_to_train_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut conversation = conversation(&folder, 8);
    say(&mut conversation, "a \"cheap\" hotel\nplease");
    let reply = conversation.turns()[1].clone();
    assert_eq!(reply.speaker, Speaker::System);
    let files = tempfile::tempdir().unwrap();
    let text = files.path().join("talk.txt");
    conversation.save(&text).unwrap();
    assert_eq!(
        fs::read_to_string(&text).unwrap(),
        format!("user: a \"cheap\" hotel\nplease\nsystem: {}\n", reply.text)
    );
    let lines = files.path().join("talk.jsonl");
    conversation.save(&lines).unwrap();
    let written = fs::read_to_string(&lines).unwrap();
    assert_eq!(written.lines().count(), 1);
    let value: Value = serde_json::from_str(&written).unwrap();
    let expected = json!({"turns": [
        {"speaker": "user", "text": "a \"cheap\" hotel\nplease"},
        {"speaker": "system", "text": reply.text},
    ]});
    assert_eq!(value, expected);
}

#[test]
fn a_reply_ends_before_a_stop_text() {
    let folder = tempfile::tempdir().unwrap();
    let whole = say(&mut conversation(&folder, 40), "hello").text;
    // The middle of what is said without it, over several tokens: a byte is one.
    let letters: Vec<char> = whole.chars().collect();
    let stop: String = letters[20..23].iter().collect();
    let expected = whole.split(&stop).next().unwrap();
    let options = ReplyOptions { stop_texts: vec!["never said".to_owned(), stop.clone()], ..options(40) };
    let folder = tempfile::tempdir().unwrap();
    let model = LoadedModel::open(&run(&folder, &small()), &cpu(), &Changes::default()).unwrap();
    let mut stopped = Conversation::new(model, &cpu(), options).unwrap();
    let reply = say(&mut stopped, "hello");
    assert_eq!((reply.text.as_str(), reply.stop), (expected, Stop::Text), "{whole:?} without {stop:?}");
    assert_eq!((stopped.turns()[1].text.as_str(), reply.tokens), (expected, expected.len()));
    say(&mut stopped, "the conversation goes on");
}

#[test]
fn a_transcript_takes_no_name_that_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let mut conversation = conversation(&folder, 4);
    say(&mut conversation, "hello");
    let path = folder.path().join("talk.txt");
    fs::write(&path, "mine").unwrap();
    assert!(matches!(conversation.save(&path), Err(SessionError::Exists { .. })));
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
}

#[test]
fn a_store_of_another_backend_state_is_refused() {
    let mut model = {
        let folder = tempfile::tempdir().unwrap();
        LoadedModel::open(&run(&folder, &small()), &cpu(), &Changes::default()).unwrap()
    };
    model.store.declare("layer.000.cache.keys", reformer_tensor::shape![1], DType::F32).unwrap();
    let error = match model.into_generator(&cpu(), 1) {
        Ok(_) => panic!("expected an error"),
        Err(error) => error.to_string(),
    };
    assert!(error.contains("layer.000.cache.keys"), "{error}");
}
