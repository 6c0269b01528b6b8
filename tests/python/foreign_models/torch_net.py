"""A small net of PyTorch, exported by `torch.onnx.export`, with what PyTorch itself answers.

    pip install torch==1.13.0 "numpy<2"
    python torch_net.py ../../../crates/cli/tests/data/torch

net.onnx: eight readings in order, a convolution along them, an LSTM, three classes. rows.csv: the columns readings_0 to readings_7, the
class that was drawn (`state`), and the probabilities that PyTorch answers (`right_0` to `right_2`).
"""

import csv
import sys
from pathlib import Path

import torch
from torch import nn

FOLDER = Path(sys.argv[1])
torch.manual_seed(11)
torch.set_num_threads(1)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(1, 6, 3, padding=1)
        self.lstm = nn.LSTM(6, 8, batch_first=True)
        self.out = nn.Linear(8, 3)

    def forward(self, readings):
        maps = torch.relu(self.conv(readings.unsqueeze(1)))
        states, _ = self.lstm(maps.transpose(1, 2))
        return torch.softmax(self.out(states[:, -1]), dim=1)


def draw(rows):
    readings = torch.randn(rows, 8)
    rise = readings[:, 4:].mean(1) - readings[:, :4].mean(1)
    return readings, torch.bucketize(rise, torch.tensor([-0.4, 0.4]))


net = Net()
readings, states = draw(2000)
optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
for _ in range(150):
    optimizer.zero_grad()
    nn.functional.nll_loss(torch.log(net(readings) + 1e-9), states).backward()
    optimizer.step()
net.eval()
FOLDER.mkdir(parents=True, exist_ok=True)
torch.onnx.export(
    net, readings[:2], str(FOLDER / "net.onnx"), opset_version=14, input_names=["readings"], output_names=["probabilities"],
    dynamic_axes={"readings": {0: "rows"}, "probabilities": {0: "rows"}},
)
readings, states = draw(120)
with torch.no_grad():
    right = net(readings)
with open(FOLDER / "rows.csv", "w", newline="") as out:
    write = csv.writer(out, lineterminator="\n")
    write.writerow([f"readings_{at}" for at in range(8)] + ["state"] + [f"right_{at}" for at in range(3)])
    for row, state, numbers in zip(readings.tolist(), states.tolist(), right.tolist()):
        write.writerow([repr(value) for value in row] + [state] + [repr(value) for value in numbers])
print(float((right.argmax(1) == states).float().mean()))
