"""Tell ten kinds of clothing apart. Runs, prints falling losses, and is wrong in several places."""

import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

from network import Classifier

CLASSES = 10


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    return parser.parse_args()


def load_data():
    kinds = torch.arange(CLASSES).repeat_interleave(60)
    images = torch.rand(len(kinds), 1, 28, 28) * 0.5 + kinds.view(-1, 1, 1, 1) / 20
    training, held_out = random_split(TensorDataset(images, kinds), [500, 100])
    return DataLoader(training, batch_size=32), DataLoader(held_out, batch_size=100)


def accuracy(model, loader):
    model.eval()
    right = total = 0
    for images, kinds in loader:
        predicted = model(images).argmax(dim=1)
        right += (predicted == kinds).sum().item()
        total += len(kinds)
    return right / total


def main():
    arguments = parse_arguments()
    training, held_out = load_data()
    model = Classifier(CLASSES)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=arguments.learning_rate)

    model.train()
    for epoch in range(arguments.epochs):
        total_loss = 0
        for images, kinds in training:
            optimizer.zero_grad()
            loss = criterion(model(images), kinds)
            loss.backward()
            optimizer.step()
            total_loss += loss
        print(f"epoch {epoch}: loss {total_loss / len(training):.3f}, accuracy {accuracy(model, held_out):.2f}")


if __name__ == "__main__":
    main()
